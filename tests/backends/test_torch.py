"""What PyTorch users rely on: modules, devices, autograd, function transforms."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import unifocal_torch as ut  # noqa: E402
from tests.backends.arrays import NAMES, class_name, relative, volume  # noqa: E402
from unifocal.engine.pixels import CHEAP  # noqa: E402
from unifocal_spec import OPTIONS  # noqa: E402
from unifocal_torch import engine  # noqa: E402
from unifocal_torch.losses import KERNELS  # noqa: E402

EVERY_LOSS = pytest.mark.parametrize("name", NAMES)
AVAILABLE = {
    "cpu": True,
    "cuda": torch.cuda.is_available(),
    "mps": torch.backends.mps.is_available(),
}
EVERY_DEVICE = pytest.mark.parametrize(
    "device",
    [
        pytest.param(d, marks=pytest.mark.skipif(not there, reason=f"no {d} device here"))
        for d, there in AVAILABLE.items()
    ],
)


def _tensors(*spatial: int, **keywords: int) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(map(torch.from_numpy, volume(*(spatial or (5, 6)), **keywords)))


def _value_and_grad(loss, logits, *arguments, **keywords):
    logits = logits.detach().requires_grad_()
    value = loss(logits, *arguments, **keywords)
    value.backward()
    return value.detach(), logits.grad


def _module(name: str) -> type[torch.nn.Module]:
    return getattr(ut, f"{class_name(name)}Loss")


# Modules ------------------------------------------------------------------------------------------


@EVERY_LOSS
def test_a_module_is_its_function(name):
    z, t = _tensors()
    weight = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(0))
    wanted = getattr(ut, name)(z, t, weight=weight, over="batch")
    assert torch.equal(_module(name)(over="batch")(z, t, weight), wanted)
    assert torch.equal(_module(name)(over="batch")(z, t, weight=weight), wanted)


@EVERY_LOSS
def test_a_module_has_no_state(name):
    module = _module(name)()
    assert list(module.state_dict()) == []
    assert list(module.parameters()) == list(module.buffers()) == []


def test_repr_shows_hyperparameters_and_changed_options():
    module = ut.UnifiedFocalLoss(gamma=0.3, over="batch")
    expected = "UnifiedFocalLoss(lam=0.5, delta=0.6, gamma=0.3, rare=None, over='batch')"
    assert repr(module) == expected
    assert repr(ut.DiceLoss()) == "DiceLoss()"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_module_can_be_copied_and_sent(again):
    z, t = _tensors()
    module = ut.UnifiedFocalLoss(delta=0.7, rare=[1], ignore_index=2)
    assert torch.equal(again(module)(z, t), module(z, t))


def test_a_module_says_early_what_is_wrong():
    with pytest.raises(ValueError, match="gamma must be >= 0, got -1"):
        ut.FocalLoss(gamma=-1)
    with pytest.raises(ValueError, match="over must be one of"):
        ut.DiceLoss(over="image")


@EVERY_DEVICE
@EVERY_LOSS
def test_every_device_gives_the_number_of_the_processor(name, device):
    """The loss follows its arguments: no device is asked for, and none is assumed."""
    z, t = _tensors(9, 8)
    wanted = _value_and_grad(getattr(ut, name), z.double(), t)
    value, gradient = _value_and_grad(_module(name)(), z.to(device), t.to(device))
    assert value.device.type == gradient.device.type == device
    assert relative(value.cpu(), wanted[0]) <= 1e-6
    assert relative(gradient.cpu(), wanted[1]) <= 1e-5


# Autograd and transformations ---------------------------------------------------------------------


@EVERY_LOSS
def test_func_grad_is_autograd(name):
    z, t = _tensors()
    loss = getattr(ut, name)
    assert torch.equal(torch.func.grad(loss)(z, t), _value_and_grad(loss, z, t)[1])


@EVERY_LOSS
@pytest.mark.parametrize("soft", [False, True], ids=["index", "soft"])
def test_vmap_is_a_loop(name, soft):
    z, t = _tensors(samples=6)
    t = torch.nn.functional.one_hot(t, 3).movedim(-1, 1).float() * 0.9 + 0.03 if soft else t
    z, t, loss = z.unflatten(0, (3, 2)), t.unflatten(0, (3, 2)), getattr(ut, name)
    values = torch.func.vmap(loss)(z, t)
    gradients = torch.func.vmap(torch.func.grad(loss))(z, t)
    wanted = [_value_and_grad(loss, a, b) for a, b in zip(z, t, strict=True)]
    assert relative(values, torch.stack([v for v, _ in wanted])) <= 1e-6
    assert relative(gradients, torch.stack([g for _, g in wanted])) <= 1e-6


def test_vmap_over_so_many_pixels_that_some_would_be_looked_at():
    z, t = torch.randn(2, 1, 3, CHEAP + 1), torch.arange(2 * CHEAP + 2).reshape(2, 1, -1) % 3
    wanted = torch.stack([ut.focal(*arguments) for arguments in zip(z, t, strict=True)])
    assert relative(torch.func.vmap(ut.focal)(z, t), wanted) <= 1e-6


def test_pixels_that_are_looked_at_come_with_their_weights():
    """A few that are wrong, and the same, decide; unless they weigh nothing."""
    wrong = torch.rand(1, CHEAP + 8) < 0.05
    z = torch.where(wrong[:, None], torch.tensor([[[0.3], [-0.8]]]), torch.randn(1, 2, CHEAP + 8))
    z = z + torch.tensor([[[20.0], [0.0]]]) * ~wrong[:, None]
    options = {k: v for k, v in OPTIONS.items() if k != "weight"} | {"axis": 1}
    for w, wanted in ((None, torch.float64), ((~wrong).float(), torch.float32)):
        call = KERNELS["focal"], wrong.new_zeros(wrong.shape, dtype=torch.int64), w
        plan = engine._plan(call[0], z, *call[1:], {"gamma": 4.5}, options)
        assert engine.sums_dtype(call[0], plan, z, *call[1:]) is wanted


def test_vmap_over_weights_and_sigmoid_channels():
    z, t = _tensors(samples=6)
    z, t = z.unflatten(0, (3, 2)), torch.nn.functional.one_hot(t, 3).movedim(-1, 1).float()
    t, w = t.unflatten(0, (3, 2)), torch.linspace(0, 2, 3 * 2 * 5 * 6).reshape(3, 2, 5, 6)

    def loss(z, t, w):
        return ut.unified_focal(z, t, weight=w, activation="sigmoid")

    wanted = torch.stack([loss(*arguments) for arguments in zip(z, t, w, strict=True)])
    assert relative(torch.func.vmap(loss)(z, t, w), wanted) <= 1e-6


def test_a_bad_label_under_vmap_is_nan_for_its_own_call_alone():
    z, t = _tensors(samples=4)
    t[3, 0, 0] = 3
    values = torch.func.vmap(ut.dice)(z.unflatten(0, (2, 2)), t.unflatten(0, (2, 2)))
    assert values.isnan().tolist() == [False, True]


def test_autograd_is_the_derivative_by_numbers():
    z, t = _tensors(2, 3)
    loss = lambda z: ut.unified_focal(z, t, reduction="none")  # noqa: E731
    assert torch.autograd.gradcheck(loss, z.double().requires_grad_())


def test_a_second_derivative_is_refused():
    z, t = _tensors()
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(ut.unified_focal(z, t), z, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivatives are not provided"):
        torch.autograd.grad(gradient.sum(), z)


def test_a_loss_that_feeds_another_function():
    """The chain rule through sums of losses, and through what came before the logits."""
    z, t = _tensors()
    scale = torch.tensor(1.5, requires_grad=True)
    (2 * ut.dice(scale * z, t) + ut.focal(scale * z, t)).backward()
    gradient = 2 * torch.func.grad(ut.dice)(1.5 * z, t) + torch.func.grad(ut.focal)(1.5 * z, t)
    assert relative(scale.grad, (gradient * z).sum()) <= 1e-5


@pytest.mark.parametrize("name", ["target", "weight"])
def test_constants_must_not_require_a_gradient(name):
    z, t = _tensors()
    arguments = {"target": torch.nn.functional.one_hot(t, 3).movedim(-1, 1).float()}
    arguments["weight"] = torch.ones(2, 5, 6)
    arguments[name].requires_grad_()
    with pytest.raises(ValueError, match=f"^{name} must not require a gradient"):
        ut.dice(z, **arguments)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (lambda z, t: ([1.0], t), "^logits must be .*list"),
        (lambda z, t: (z, t.numpy()), r"^target must be a torch\.Tensor, got ndarray"),
        (lambda z, t: (z, t, np.ones(3)), r"^weight must be a torch\.Tensor, got ndarray"),
        (lambda z, t: (t[:, None], t), r"^logits must have a floating-point dtype, got torch\.int"),
        (lambda z, t: (z + 1j, t), r"^logits must have a floating-point dtype, got torch\.complex"),
    ],
)
def test_wrong_types_are_named(arguments, wanted):
    with pytest.raises(TypeError, match=wanted):
        ut.DiceLoss()(*arguments(*_tensors()))


@pytest.mark.parametrize("package", ["numba", "triton"])
def test_importing_the_losses_imports_no_compiler(package):
    code = f"import sys, unifocal_torch; print('{package}' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
