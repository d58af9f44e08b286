"""What ``infer`` writes: the formats of rows, and the places where they go."""
