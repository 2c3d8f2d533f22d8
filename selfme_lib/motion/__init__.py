"""Stage 1 of the paper: motion between two frames of a face, learned without labels (section 3.2)."""
