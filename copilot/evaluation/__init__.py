"""How well questions are read: a bank of questions and their plans, paraphrased, scored and reported."""
