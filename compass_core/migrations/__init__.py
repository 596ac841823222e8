"""The schema, step by step from the first; a step that was released is never changed."""
