"""The book of a spec: pages in Markdown, tables in HTML and pictures in SVG, made from the model alone."""
