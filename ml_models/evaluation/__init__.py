"""Measures of the engine's parts: `python -m ml_models.evaluation {emotion,detection} --data FOLDER`."""
