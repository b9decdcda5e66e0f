"""torch.compile with fullgraph=True: no graph break, few graphs, the same numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from functorch.compile import make_boxed_func  # noqa: E402
from torch._dynamo.backends.common import aot_autograd  # noqa: E402

import unifocal_torch as ut  # noqa: E402
from tests.backends.arrays import NAMES, class_name, relative, volume  # noqa: E402
from tests.parity.leaning import hold_kinds  # noqa: E402
from unifocal.certificate.backends import Backend  # noqa: E402
from unifocal_torch.namespace import expm1  # noqa: E402

# Dynamo and Inductor call what PyTorch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True, params=[False, True], ids=["tensor code", "operators"])
def operators(request):
    """A fresh compiler, which sees tensor code or operators that call Numba's kernels."""
    if request.param:
        pytest.importorskip("numba", reason="Numba is not installed")
    torch._dynamo.reset()
    ut.use_numba(request.param)
    yield request.param
    ut.use_numba(None)
    torch._dynamo.reset()


def _tensors(*spatial: int, samples: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(map(torch.from_numpy, volume(*spatial, samples=samples)))


def _value_and_grad(loss, logits, *arguments):
    logits = logits.detach().requires_grad_()
    value = loss(logits, *arguments)
    value.backward()
    return value.detach(), logits.grad


def _hold_to_eager(compiled, loss, *arguments) -> None:
    value, gradient = _value_and_grad(compiled, *arguments)
    wanted = _value_and_grad(loss, *arguments)
    assert relative(value, wanted[0]) <= 1e-6
    assert relative(gradient, wanted[1]) <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_every_module_is_one_graph(name):
    module = getattr(ut, f"{class_name(name)}Loss")(class_weights=[1.0, 2.0, 0.5])
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    _hold_to_eager(compiled, module, *_tensors(5, 6))


@pytest.mark.parametrize("name", ["unified_focal", "hybrid_focal"])
def test_inductor(name):
    """Also where a pixel is predicted so well that log p is next to nothing."""
    loss = getattr(ut, name)
    z, t = _tensors(9, 8)
    z[0] += torch.linspace(0, 110, 9)[:, None] * torch.nn.functional.one_hot(t[0], 3).movedim(-1, 0)
    _hold_to_eager(torch.compile(loss, fullgraph=True), loss, z, t)


def test_inductor_keeps_what_it_was_given():
    """… for the backward pass, not masks or exponentials beside it."""
    z, t = _tensors(32, 32)
    kept = []
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x)
    with hooks:
        torch.compile(ut.unified_focal, fullgraph=True)(z.requires_grad_(), t)
    assert {x.data_ptr() for x in kept if x.numel() > 100} == {z.data_ptr(), t.data_ptr()}


def _soft(t: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(t, 3).movedim(-1, 1).float() * 0.9 + 0.03


@pytest.mark.parametrize("keywords", [
    {"activation": "sigmoid"},
    {"activation": "sigmoid", "over": "batch"},
    {"absent": "skip", "include_background": False},
    {"class_reduction": "sum", "reduction": "sum"},
], ids=str)  # fmt: skip
def test_options_compile(keywords):
    def loss(z, t):
        return ut.unified_focal(z, t, **keywords)

    z, t = _tensors(5, 6)
    _hold_to_eager(torch.compile(loss, fullgraph=True, backend="aot_eager"), loss, z, _soft(t))


def test_weights_and_ignored_pixels_compile():
    def loss(z, t, w):
        return ut.unified_focal(z, t, weight=w, ignore_index=1)

    z, t = _tensors(5, 6)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    _hold_to_eager(compiled, loss, z, t, torch.linspace(0, 1, 60).reshape(2, 5, 6))


def test_per_sample_losses_compile():
    z, t = _tensors(5, 6)
    compiled = torch.compile(ut.dice, fullgraph=True, backend="aot_eager")
    wanted = ut.dice(z, t, reduction="none")
    assert wanted.shape == (2,)
    assert relative(compiled(z, t, reduction="none"), wanted) <= 1e-6


def _counting():
    return torch._dynamo.testing.CompileCounterWithBackend("aot_eager")


def test_changing_sizes_compile_twice_at_most():
    """Once for the first size and once for sizes that vary."""
    counter = _counting()
    compiled = torch.compile(ut.unified_focal, fullgraph=True, backend=counter)
    for size in range(4, 12):
        _hold_to_eager(compiled, ut.unified_focal, *_tensors(size, size + 1))
    assert counter.frame_count <= 2


def test_sizes_marked_dynamic_compile_once():
    counter = _counting()
    compiled = torch.compile(ut.unified_focal, fullgraph=True, backend=counter)
    for size in range(4, 9):
        z, t = _tensors(size, size + 1, samples=size - 2)
        z.requires_grad_()
        for tensor, axes in ((z, (0, 2, 3)), (t, (0, 1, 2))):
            torch._dynamo.mark_dynamic(tensor, axes)
        value = compiled(z, t)
        value.backward()
        assert relative(value.detach(), ut.unified_focal(z.detach(), t)) <= 1e-6
    assert counter.frame_count == 1


def test_a_module_trains_inside_a_compiled_step():
    torch.manual_seed(0)
    z, t = _tensors(8, 8)
    layer, loss = torch.nn.Conv2d(3, 3, 1), ut.UnifiedFocalLoss()
    step = torch.compile(lambda z, t: loss(layer(z), t), fullgraph=True, backend="aot_eager")
    value = step(z, t)
    value.backward()
    assert relative(value.detach(), loss(layer(z), t).detach()) <= 1e-6
    assert layer.weight.grad.abs().max() > 0


def test_a_label_out_of_range_is_no_number_in_a_graph(operators):
    """Only an operator can see labels."""
    z, t = _tensors(5, 6)
    t[0, 0, 0] = 3
    compiled = torch.compile(ut.dice, fullgraph=True, backend="aot_eager")
    if operators:
        with pytest.raises(ValueError, match="target must hold class indices from 0 to 2"):
            compiled(z, t)
    else:
        assert compiled(z, t).isnan()


def _called(graph) -> set[str]:
    return {str(node.target) for node in graph.graph.nodes if node.op == "call_function"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_a_graph_calls_operators_for_what_numba_s_kernels_cover(operators, dtype):
    z, t = _tensors(5, 6)
    program = torch.export.export(ut.UnifiedFocalLoss(), (z.to(dtype), t))
    called = "unifocal.pixel_sums.default" in _called(program.graph_module)
    assert called == operators


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 0), (1, 1, 3)], ids=str)
def test_few_pixels_or_none_compile(shape):
    z, t = torch.zeros(shape), torch.zeros(shape[:1] + shape[2:], dtype=torch.int64)
    loss = ut.unified_focal if shape[1] > 1 else ut.cross_entropy
    keywords = {} if shape[1] > 1 else {"activation": "sigmoid"}
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    found, wanted = compiled(z, t, **keywords), loss(z, t, **keywords)
    torch.testing.assert_close(found, wanted, equal_nan=True)


def test_a_compiled_map_over_losses():
    z, t = _tensors(5, 6)

    def losses(z, t):
        return torch.vmap(lambda z, t: ut.unified_focal(z[None], t[None]))(z, t)

    def total(z, t):
        return losses(z, t).sum()

    compiled = torch.compile(losses, fullgraph=True, backend="aot_eager")
    assert relative(compiled(z, t), losses(z, t)) <= 1e-6
    _hold_to_eager(torch.compile(total, fullgraph=True, backend="aot_eager"), total, z, t)


def test_pixels_may_lie_in_any_order():
    z, t = _tensors(6, 10)
    z = z.to(memory_format=torch.channels_last)[..., ::2]
    _hold_to_eager(torch.compile(ut.dice, fullgraph=True), ut.dice, z, t[..., ::2])


def test_a_module_can_be_exported():
    z, t = _tensors(5, 6)
    program = torch.export.export(ut.UnifiedFocalLoss(), (z, t))
    assert relative(program.module()(z, t), ut.unified_focal(z, t)) <= 1e-6


def test_an_exported_program_runs_elsewhere(tmp_path):
    z, t = _tensors(5, 6)
    torch.export.save(torch.export.export(ut.UnifiedFocalLoss(), (z, t)), tmp_path / "loss.pt2")
    torch.save((z, t, ut.unified_focal(z, t)), tmp_path / "call.pt")
    code = """
import sys, torch, unifocal_torch.operators
z, t, value = torch.load(sys.argv[2])
torch.testing.assert_close(torch.export.load(sys.argv[1]).module()(z, t), value)
"""
    files = [str(tmp_path / name) for name in ("loss.pt2", "call.pt")]
    subprocess.run([sys.executable, "-c", code, *files], check=True)


@pytest.mark.parametrize("name", ["cross_entropy", "dice", "unified_focal"])
@pytest.mark.parametrize("samples", [1, 2])
def test_operators_are_what_they_say(operators, name, samples):
    """Of their arguments, of what they return, and of its shapes and strides."""
    if not operators:
        pytest.skip("tensor code has none")
    calls = []

    class Recording(torch.fx.Interpreter):
        def call_function(self, function, arguments, keywords):
            if str(function).startswith("unifocal."):
                constants = (x.detach() if torch.is_tensor(x) else x for x in arguments)
                calls.append((function, tuple(constants)))
            return super().call_function(function, arguments, keywords)

    def recorded(graph, _):
        return make_boxed_func(Recording(graph).run)

    z, t = _tensors(5, 6, samples=samples)
    backend = aot_autograd(fw_compiler=recorded, bw_compiler=recorded)
    compiled = torch.compile(getattr(ut, name), fullgraph=True, backend=backend)
    compiled(z.requires_grad_(), t).backward()
    assert len(calls) == 2
    for operator, arguments in calls:
        torch.library.opcheck(operator, arguments)


def test_operators_see_how_pixels_round(operators):
    if not operators:
        pytest.skip("tensor code is among the backends of the parity tests")
    hold_kinds(Backend.TORCH_COMPILE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_expm1_keeps_its_digits_in_inductor(dtype):
    sizes = torch.tensor([0.0, 1e-30, 1e-17, 1e-9, 1e-4, 0.5, 1.0, 1.01, 3.0, 50.0, 1e4])
    x = torch.cat([sizes, -sizes]).to(dtype).repeat(8)  # enough for vector instructions
    found, wanted = torch.compile(expm1, fullgraph=True)(x), torch.expm1(x)
    assert torch.equal(found.isinf(), wanted.isinf())
    finite = wanted.isfinite()
    torch.testing.assert_close(
        found[finite], wanted[finite], rtol=8 * torch.finfo(dtype).eps, atol=0
    )


def test_inductor_differentiates_confident_pixels():
    """Where p is nearly 1, p/(1 − p) · log p is nearly −1, not infinite."""
    t = torch.arange(3).repeat(16).reshape(2, 24)
    z = torch.nn.functional.one_hot(t, 3).movedim(-1, 1) * 40.0
    z = (z + torch.linspace(0, 1, 144).reshape(z.shape)).double()
    _hold_to_eager(torch.compile(ut.focal, fullgraph=True), ut.focal, z, t)
