"""Documents for makers of bins, made from the code: golden messages, JSON Schemas, AsyncAPI."""
