"""The image: compile and link generated and handwritten code, then hold the ELF against the model."""
