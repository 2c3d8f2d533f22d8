r"""Where does the classifier look? Grad-CAM on the transformer (paper §4.8), and how symmetrical its attention is.

Grad-CAM weighs the channels of a feature map by the mean gradient of a class logit and keeps what speaks for the class,

$$H = ReLU\Big(\sum_d \big(\tfrac1N \textstyle\sum_i \partial y_c / \partial A_{id}\big)\, A_{:d}\Big).$$

Which layer's tokens are the map $A$ matters. Behind the last block the class token alone is read, so the gradient at
all patch tokens is exactly zero there and the map is empty. The last place where patches still matter is the last
block's first layer norm, in front of its attention.
"""

import torch
from captum.attr import LayerAttribution, LayerGradCam
from jaxtyping import Float, Int
from torch import Tensor, nn

from .network import SCViT


def grad_cam(model: SCViT, motion: Float[Tensor, "b 2 h w"], target: Int[Tensor, "b"] | int) -> Float[Tensor, "b h w"]:
    """What in the motion speaks for class `target` (one for all, or one each); at least 0, not normalised.

    A map can be zero everywhere: then nothing that the last block attends to speaks for that class.
    """
    as_map = nn.Identity()  # sees the patch tokens as a map (b, d, rows, columns), the layout that captum knows

    def show_map(_module, _inputs, tokens: Tensor) -> Tensor:  # (b, n+1, d)
        grid = tokens[:, 1:].transpose(1, 2).unflatten(2, model.vit.patch_embed.grid_size)
        return torch.cat([tokens[:, :1], as_map(grid).flatten(2).transpose(1, 2)], dim=1)

    hook = model.vit.blocks[-1].norm1.register_forward_hook(show_map)
    try:
        heat = LayerGradCam(model, as_map).attribute(motion, target=target, relu_attributions=True)  # (b, 1, …)
    finally:
        hook.remove()
    return LayerAttribution.interpolate(heat, motion.shape[-2:], "bilinear").squeeze(1).detach()


def symmetric_attention_index(heat: Float[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    r"""How alike the two halves of a map are, $1 - \sum |H - H'| / \sum (H + H')$ with $H'$ mirrored.

    1 for a symmetric map, 0 for one that lies in one half alone; not a number for a map that is zero everywhere.
    """
    mirrored = heat.flip(-1)
    return 1 - (heat - mirrored).abs().sum((1, 2)) / (heat + mirrored).sum((1, 2))
