"""What `rhythm` learned: how much each sign of a tempo counts, and how common tempi are.

A conditional logit (McFadden): the tempo, or none, that a piece has is chosen with a probability
proportional to exp(score). Fitted by maximum likelihood with a quadratic penalty of 0.02 to 338
pieces of known tempo, each also played slower and faster: accompaniments in 129 styles of the MMA
generator, with their drums and without, the MIDI music of Freedoom, and synthetic speech, noises
and drones, which have no tempo.
"""

from __future__ import annotations

import numpy as np

MULTIPLES = np.array([1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3, 4, 6, 8])
"""Of a beat's length: delays at which a rhythm is compared with itself."""

DELAYED = np.array(
    [  # the whole sound, below 200 Hz, above 2 kHz
        [-2.222, -0.262, 0.787],
        [-0.051, -0.201, 0.678],
        [-0.675, -1.699, 0.114],
        [-0.181, -1.166, -0.387],
        [-0.452, 0.364, 0.142],
        [1.466, -0.350, 0.450],
        [-0.232, -0.246, 0.063],
        [-0.232, 0.658, 0.974],
        [0.420, 0.234, 0.845],
        [1.358, 0.118, 1.161],
        [1.616, 1.432, 0.104],
        [0.372, -1.066, 0.297],
        [0.503, 0.852, -0.953],
    ]
)
"""Weight of the autocorrelation at each multiple, in each band."""

HARMONICS = np.array([1 / 2, 1, 3 / 2, 2, 3, 4, 6, 8])
"""Of a tempo's frequency: places in the rhythm's spectrum."""

SPECTRAL = np.array(
    [
        [0.657, 0.564, -0.373],
        [0.826, 0.182, -0.060],
        [0.182, 0.197, 0.348],
        [0.374, 0.106, 0.103],
        [0.164, -0.181, -0.474],
        [0.378, 1.146, 0.861],
        [0.267, -0.133, -0.401],
        [-0.071, -0.544, 0.014],
    ]
)
"""Weight of the spectrum's logarithm at each harmonic, in each band."""

USUAL_BPM = np.array([38.0, 48.1, 60.9, 77.0, 97.5, 123.3, 156.1, 197.5, 250.0])
USUAL_WIDTH = 0.3  # octaves
USUAL = np.array([-0.765, -0.399, 0.499, 0.745, 0.830, 0.459, 0.521, -0.223, -1.716])
"""How usual tempi around each of `USUAL_BPM` are."""

NO_BEAT = 6.419
"""The score of there being no beat."""
