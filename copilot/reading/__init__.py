"""How a question is read without a language model: words to spans, spans to slots, slots to a plan."""
