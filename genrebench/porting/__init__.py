"""Other people's Keras networks: what each layer computes, their PyTorch source, and the proof that both agree."""
