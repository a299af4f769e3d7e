"""The live camera: a browser sends frames over a WebSocket, and each is answered with its faces.

- `consumer`: the socket itself, message by message; nothing that blocks.
- `entrance`: who may come in, by the rules of pages, asked again while the socket is open.
- `places`: how many sockets a team and a server may have open.
- `session`: what is done for one socket: the consent, and a frame after the other.
- `tracking`: which box of a frame is which of the frame before.

Frames are analysed as `media_jobs.detect` analyses any picture that a client waits for, and are forgotten.
"""
