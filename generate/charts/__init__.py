"""What follows from the models of a chart's values: values.yaml, values.schema.json and the table in its README."""
