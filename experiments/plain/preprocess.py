"""Turn recordings into Mel spectrogram files as one would write it first: one loop, one process.

python experiments/plain/preprocess.py dataset/genres_original OUTPUT
"""

import argparse
import json
import time
from pathlib import Path

import librosa
import numpy as np

SEGMENTS = 10
SAMPLES = 22050 * 30 // SEGMENTS


def main() -> None:
    """Convert every recording, and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("originals", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    began = time.perf_counter()
    recordings = sorted(options.originals.glob("*/*.wav"))
    for path in recordings:
        folder = options.output / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        y, sample_rate = librosa.load(path, sr=22050, duration=30)
        for index in range(SEGMENTS):
            segment = y[index * SAMPLES : (index + 1) * SAMPLES]
            if len(segment) < SAMPLES:
                segment = np.pad(segment, (0, SAMPLES - len(segment)))
            mel = librosa.feature.melspectrogram(y=segment, sr=sample_rate, n_fft=2048, hop_length=512, n_mels=128)
            decibels = librosa.power_to_db(mel, ref=np.max)
            np.savez_compressed(folder / f"{path.stem}-{index}.npz", spectrogram=decibels.astype(np.float32))
    print(json.dumps({"seconds": time.perf_counter() - began, "tracks": len(recordings)}))


if __name__ == "__main__":
    main()
