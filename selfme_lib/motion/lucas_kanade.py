r"""Lucas and Kanade's data term: how badly a constant motion fits the two frames around each place.

B. D. Lucas, T. Kanade. An Iterative Image Registration Technique with an Application to Stereo Vision. IJCAI 1981.

To first order in the motion $v$, the squared difference between the aligned frame and the target is a quadratic form,

$$|X_s(u + v) - X_t(u)|^2 \approx v^\top (\nabla X \nabla X^\top) v + 2\,(X_s - X_t) \nabla X^\top v + (X_s - X_t)^2,$$

with $\nabla X$ the gradient of the frames' mean. Averaged over a window, $\nabla X \nabla X^\top$ is the structure tensor, and
the minimum over $v$ is Lucas and Kanade's optical flow. They solve for that minimum, warp and repeat. Here the form scores the
local motions that the keypoints propose: three windows at two image sizes go into the weights of Eq 4
(`dense_motion.DenseMotion`), and warping repeats in `learner.MotionLearner.forward_motion`. The paper has none of this.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import Images, gaussian_blur, gradient_products, resize_image

WINDOWS = (1.0, 2.5, 6.0)  # standard deviations of the Gaussian windows, in cells of the lattice


def matching_forms(
    source: Images, target: Images, motions: Float[Tensor, "b m 2"], size: tuple[int, int]
) -> list[Float[Tensor, "b 6 h2 w2"]]:
    r"""Lucas and Kanade's quadratic form on a lattice of `size`, for each of `WINDOWS`; motions $v$ are normalised.

    The six coefficients at a place are those of `grids.gradient_products`, averaged over a window; `matching_errors` evaluates
    them for any number of motions. They are divided by the mean error of `motions`, so that noise and contrast cancel.
    """
    height, width = source.shape[-2:]
    products = gradient_products(source, target, per_pixel=((width - 1) / 2, (height - 1) / 2))
    form = resize_image(products, size)
    typical = _monomials(motions).mean(1)  # the error is linear in the monomials: their mean gives the mean error
    blurred = [gaussian_blur(form, window) for window in WINDOWS]
    return [form / (torch.einsum("bc,bchw->bhw", typical, form)[:, None] + 1e-3) for form in blurred]


def matching_errors(form: Float[Tensor, "b 6 h w"], motions: Float[Tensor, "b m 2"]) -> Float[Tensor, "b m h w"]:
    """The error of each motion by one of `matching_forms`; 1 is the mean error of the motions given there.

    Always in float32: an error is a small difference of large terms.
    """
    with torch.autocast(device_type=form.device.type, enabled=False):
        return torch.einsum("bmc,bchw->bmhw", _monomials(motions), form)


def _monomials(motions: Float[Tensor, "b m 2"]) -> Float[Tensor, "b m 6"]:
    x, y = motions.unbind(-1)
    return torch.stack([x * x, 2 * x * y, y * y, 2 * x, 2 * y, torch.ones_like(x)], dim=-1)
