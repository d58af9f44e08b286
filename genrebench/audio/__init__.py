"""From recordings to Mel spectrograms, and synthetic music to try it on."""

import warnings

# librosa brings joblib along, which says so where /dev/shm cannot be written; nothing here depends on it.
warnings.filterwarnings("ignore", message=".*joblib will operate in serial mode", category=UserWarning)
