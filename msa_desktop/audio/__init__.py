"""File to sound: decoding, mel spectrograms, waveform peaks."""
