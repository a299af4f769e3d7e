// Drives Microsoft's npm client @azure/cognitiveservices-face and prints what it was answered, as JSON.
// Its only argument, also JSON: {endpoint, key, account, nobody, photos: {name: path}, url, urlOfEileen,
// missing}. The tests that start it (test_npm_face.py) say what the answers must be.

import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import face from "@azure/cognitiveservices-face";
import rest from "@azure/ms-rest-js";

const TRIES = 600;
const given = JSON.parse(process.argv[2]);
const group = "npm_group";

function clientWith(key) {
  const credentials = new rest.ApiKeyCredentials({ inHeader: { "Ocp-Apim-Subscription-Key": key } });
  return new face.FaceClient(credentials, given.endpoint);
}

// What an operation that has to fail answers.
async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    const { statusCode: status, body, message } = error;
    return { name: error.constructor.name, status, code: body?.error?.code, message };
  }
  throw new Error("It was not refused.");
}

async function waited(ask) {
  for (let n = 0; n < TRIES; n += 1) {
    const { status, ...rest } = await ask();
    if (status !== "running" && status !== "notstarted") return { status, ...rest };
    await sleep(50);
  }
  throw new Error("It did not end.");
}

const client = clientWith(given.key);
const bytes = (name) => fs.readFileSync(given.photos[name]);
const stream = (name) => () => fs.createReadStream(given.photos[name]);
const idOf = async (name) => (await client.face.detectWithStream(bytes(name)))[0].faceId;

async function detected() {
  const options = {
    returnFaceLandmarks: true,
    returnFaceAttributes: ["age", "gender", "smile", "emotion", "headPose", "glasses"],
    returnRecognitionModel: true,
    recognitionModel: "recognition_04",
    detectionModel: "detection_03",
  };
  const streamed = await client.face.detectWithStream(stream("together"), options);
  return {
    streamed: [...streamed],
    contentLength: streamed._response.request.headers.get("content-length") ?? null,
    ofBuffer: [...(await client.face.detectWithStream(bytes("together"), options))],
    ofUrl: [...(await client.face.detectWithUrl(given.url, options))],
  };
}

async function grouped(ids) {
  const [first, second, other] = ids;
  return {
    same: await client.face.verifyFaceToFace(first, second),
    different: await client.face.verifyFaceToFace(first, other),
    similar: [...(await client.face.findSimilar(first, { faceIds: [second, other] }))],
    ranked: [...(await client.face.findSimilar(first, { faceIds: [other, second], mode: "matchFace" }))],
    groups: await client.face.group(ids),
  };
}

async function personsMade() {
  await client.personGroup.create(group, "A group", { userData: "about it" });
  const persons = client.personGroupPerson;
  const { personId } = await persons.create(group, { name: "Eileen", userData: "astronaut" });
  const added = [
    await persons.addFaceFromStream(group, personId, stream("eileen-same"), { userData: "one" }),
    await persons.addFaceFromStream(group, personId, bytes("eileen-mirrored")),
    await persons.addFaceFromUrl(group, personId, given.urlOfEileen),
  ].map((one) => one.persistedFaceId);
  return {
    personId,
    added,
    group: await client.personGroup.get(group),
    groups: [...(await client.personGroup.list())],
    person: await persons.get(group, personId),
    face: await persons.getFace(group, personId, added[0]),
    untrained: await refused(client.face.identify([given.nobody], { personGroupId: group })),
  };
}

async function identified(personId, known, stranger) {
  await client.personGroup.train(group);
  const training = await waited(() => client.personGroup.getTrainingStatus(group));
  return {
    training,
    answers: [...(await client.face.identify([known, stranger], { personGroupId: group }))],
    person: await client.face.verifyFaceToPerson(known, personId, { personGroupId: group }),
    notPerson: await client.face.verifyFaceToPerson(stranger, personId, { personGroupId: group }),
  };
}

async function snapshotTaken() {
  const { operationLocation } = await client.snapshot.take("PersonGroup", group, [given.account]);
  const operation = operationLocation.split("/").at(-1);
  const status = await waited(() => client.snapshot.getOperationStatus(operation));
  const snapshotId = status.resourceLocation.split("/").at(-1);
  const snapshot = await client.snapshot.get(snapshotId);
  await client.snapshot.deleteMethod(snapshotId);
  return { status, snapshot, gone: await refused(client.snapshot.get(snapshotId)) };
}

async function deleted(personId, persistedFaceId) {
  await client.personGroupPerson.deleteFace(group, personId, persistedFaceId);
  const { persistedFaceIds: left } = await client.personGroupPerson.get(group, personId);
  await client.personGroupPerson.deleteMethod(group, personId);
  const person = await refused(client.personGroupPerson.get(group, personId));
  await client.personGroup.deleteMethod(group);
  return { left, person, group: await refused(client.personGroup.get(group)) };
}

const wrongModel = { recognitionModel: "recognition_99" };
const ids = [await idOf("eileen-turned"), await idOf("eileen-same"), await idOf("grace-same")];
const made = await personsMade();
const answers = {
  ids,
  made,
  detected: await detected(),
  grouped: await grouped(ids),
  identified: await identified(made.personId, ids[0], ids[2]),
  snapshot: await snapshotTaken(),
  deleted: await deleted(made.personId, made.added[0]),
  wrongKey: await refused(clientWith("a-wrong-key").personGroup.list()),
  wrongModel: await refused(client.face.detectWithStream(bytes("eileen-same"), wrongModel)),
  missing: await refused(client.face.detectWithUrl(given.missing)),
};
console.log(JSON.stringify(answers));
