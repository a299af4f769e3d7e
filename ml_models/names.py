"""The names of what the engine scores. Plain Python: the web process reads this without loading any model."""

#: The eight emotions, in the order of every score vector.
EMOTIONS: tuple[str, ...] = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)
