"""Figures in one style. May import everything up to `study`; needs matplotlib, and no Jupyter.

Begin with `style` (colours, the flow wheel, sizes). `data`, `motion` and `pipeline` draw chapters 0 to 3, `results` and
`rivals` the later ones, `bench` the motion benchmark. Their functions draw into an axis that they are given. `montage` puts
pictures together as arrays of bytes, for widgets and for the `animation` of the front page; `analysis` has what a recording's
page and widget share.
"""
