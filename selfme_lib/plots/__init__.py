"""Pictures, all in one style: `style` (colours, the flow wheel, sizes), `motion` (chapters 0 to 3), `results` (chapters 4 on)."""
