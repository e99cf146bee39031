"""Knowledge out: from annotated relations to an aggregated graph."""
