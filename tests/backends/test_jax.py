"""What JAX users rely on: transformations, pytrees, both precisions, strict promotion, export."""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")

import jax.numpy as jnp  # noqa: E402

import unifocal  # noqa: E402
import unifocal_jax as uj  # noqa: E402
from tests.backends import hlo  # noqa: E402
from tests.backends.arrays import KINDS, NAMES, relative, unbalanced_volume, volume  # noqa: E402
from unifocal_jax.namespace import x64 as switch_x64  # noqa: E402

EVERY_LOSS = pytest.mark.parametrize("name", NAMES)
EVERY_KIND = pytest.mark.parametrize("name", KINDS)
engine = importlib.import_module("unifocal_jax.engine")

BOTH_PRECISIONS = pytest.mark.parametrize("x64", [False, True], ids=["x32", "x64"])
BOTH_LAYOUTS = pytest.mark.parametrize("axis", [-1, 1])
TARGETS = pytest.mark.parametrize("target", ["index", "soft", "sigmoid"])


def _arrays(*spatial: int, axis: int = -1, samples: int = 2) -> tuple[jax.Array, jax.Array]:
    return tuple(map(jnp.asarray, volume(*(spatial or (5, 6)), axis=axis, samples=samples)))


def _soft(labels: jax.Array, axis: int = -1) -> jax.Array:
    return jax.nn.one_hot(labels, 3, axis=axis) * 0.9 + 0.03


def _call(name: str, target: str, axis: int = -1) -> tuple[Any, jax.Array, jax.Array]:
    """A loss of (logits, target), and both."""
    z, t = _arrays(axis=axis)
    keywords: dict[str, Any] = {"activation": "sigmoid"} if target == "sigmoid" else {}

    def loss(z: jax.Array, t: jax.Array) -> jax.Array:
        return getattr(uj, name)(z, t, axis=axis, **keywords)

    return loss, z, t if target == "index" else _soft(t, axis)


@EVERY_KIND
@BOTH_PRECISIONS
def test_jit_and_grad(name, x64):
    with switch_x64(x64):
        loss, z, t = _call(name, "index")
        both = jax.value_and_grad(loss)
        value, gradient = jax.jit(both)(z, t)
        wanted = both(z, t)
        assert value.dtype == gradient.dtype == jnp.float32
    assert relative(value, wanted[0]) <= 1e-6
    assert relative(gradient, wanted[1]) <= 1e-6


@EVERY_KIND
@TARGETS
def test_vmap_is_a_loop(name, target):
    loss, z, t = _call(name, target)
    zs, ts = jnp.stack((z, 2 * z, -z)), jnp.stack((t, t[::-1], t))
    both = jax.value_and_grad(loss)
    values, gradients = jax.vmap(both)(zs, ts)
    wanted = [both(a, b) for a, b in zip(zs, ts, strict=True)]
    assert relative(values, [v for v, _ in wanted]) <= 1e-6
    assert relative(gradients, [g for _, g in wanted]) <= 1e-6


def test_a_jacobian_of_the_losses_of_samples():
    """One loss depends on its own sample alone."""
    z, t = _arrays()
    jacobian = jax.jacrev(lambda z: uj.unified_focal(z, t, reduction="none"))(z)
    assert jacobian.shape == (2, *z.shape)
    assert not jacobian[0, 1].any()
    assert not jacobian[1, 0].any()
    mean = jax.grad(lambda z: uj.unified_focal(z, t))(z)
    assert relative(jacobian.sum(axis=0) / 2, mean) <= 1e-6


def test_a_loss_of_a_pytree_of_parameters():
    z, t = _arrays()
    parameters = {"scale": jnp.ones(3), "shift": jnp.zeros(3)}

    @jax.jit
    def step(parameters: dict[str, jax.Array]) -> tuple[jax.Array, dict[str, jax.Array]]:
        def loss(p: dict[str, jax.Array]) -> jax.Array:
            return uj.unified_focal(z * p["scale"] + p["shift"], t)

        value, slopes = jax.value_and_grad(loss)(parameters)
        return value, jax.tree.map(lambda p, g: p - 0.1 * g, parameters, slopes)

    first, parameters = step(parameters)
    for _ in range(5):
        last, parameters = step(parameters)
    assert relative(first, uj.unified_focal(z, t)) <= 1e-6
    assert last < first


def test_scan_and_checkpoint():
    z, t = _arrays()

    def body(carry: jax.Array, x: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return carry + jax.checkpoint(uj.dice)(*x), None

    total, _ = jax.lax.scan(body, jnp.zeros(()), (jnp.stack((z, -z)), jnp.stack((t, t))))
    assert relative(total, uj.dice(z, t) + uj.dice(-z, t)) <= 1e-6


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [3, -1, 255])
def test_a_label_out_of_range_is_an_error_or_nan(label):
    """An error where its value can be seen, on a processor; nan in compiled code."""
    z, t = _arrays()
    t = t.at[0, 0, 0].set(label)
    with pytest.raises(ValueError, match="target must hold class indices from 0 to 2"):
        uj.dice(z, t)
    assert jnp.isnan(jax.jit(uj.dice)(z, t))
    assert jnp.isnan(jax.jit(uj.cross_entropy)(z, t))
    ignored = jnp.ones((2, 5, 6)).at[0, 0, 0].set(0)
    assert jnp.isfinite(uj.dice(z, t, weight=ignored))
    assert jnp.isfinite(uj.dice(z, t, ignore_index=label))


@BOTH_PRECISIONS
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_a_second_derivative_is_refused(x64, wrap):
    with switch_x64(x64):
        z, t = _arrays()
        slope = wrap(jax.grad(lambda z: jnp.sum(jax.grad(uj.unified_focal)(z, t) ** 2)))
        with pytest.raises(NotImplementedError, match="second derivatives are not provided"):
            slope(z)


@BOTH_PRECISIONS
def test_a_gradient_through_the_value_of_a_gradient(x64):
    """Asking for value and gradient and using the value alone is a first derivative."""
    with switch_x64(x64):
        z, t = _arrays()
        both = jax.value_and_grad(uj.unified_focal)
        found = jax.grad(lambda z: both(z, t)[0])(z)
        assert relative(found, both(z, t)[1]) <= 1e-6


@pytest.mark.parametrize("name", ["target", "weight"])
def test_constants_have_no_gradient_and_say_so(name):
    """A gradient of 0 would be wrong, and silent."""
    z, t = _arrays()
    arguments = {"target": _soft(t), "weight": jnp.ones((2, 5, 6))}

    def loss(x: jax.Array) -> jax.Array:
        return uj.dice(z, **(arguments | {name: x}))

    with pytest.raises((ValueError, NotImplementedError), match=name):
        jax.grad(loss)(arguments[name])


def test_wrong_types_are_named():
    z, t = _arrays()
    with pytest.raises(TypeError, match=r"^target must be a jax\.Array, got ndarray"):
        uj.dice(z, np.asarray(t))
    with pytest.raises(TypeError, match=r"^weight must be a jax\.Array, got list"):
        uj.dice(z, t, weight=[1.0])


# Precision ----------------------------------------------------------------------------------------


@EVERY_LOSS
def test_float32_sums_of_a_large_volume_without_float64(name):
    z, t = unbalanced_volume(axis=-1)
    wanted = getattr(unifocal, name)(z.astype("float64"), t, axis=-1)
    with switch_x64(False):
        assert relative(getattr(uj, name)(jnp.asarray(z), jnp.asarray(t)), wanted) <= 1e-6


def test_float64_where_it_is_switched_on():
    z, t = volume(5, 6, axis=-1)
    with switch_x64(True):
        value = uj.dice(jnp.asarray(z.astype("float64")), jnp.asarray(t))
        assert value.dtype == jnp.float64
    assert relative(value, unifocal.dice(z.astype("float64"), t, axis=-1)) <= 1e-13


@EVERY_KIND
@BOTH_PRECISIONS
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_for_storage_only(name, x64, dtype):
    with switch_x64(x64):
        loss, z, t = _call(name, "index")
        z = z.astype(dtype)
        value, gradient = jax.value_and_grad(loss)(z, t)
        full_value, full_gradient = jax.value_and_grad(loss)(z.astype("float32"), t)
        assert (value.dtype, gradient.dtype) == (jnp.float32, dtype)
        assert relative(value, full_value) <= 1e-6
        assert (gradient == full_gradient.astype(dtype)).all()


@EVERY_LOSS
@BOTH_LAYOUTS
@TARGETS
def test_strict_dtype_promotion(name, axis, target):
    loss, z, t = _call(name, target, axis)
    with jax.numpy_dtype_promotion("strict"):
        jax.eval_shape(jax.value_and_grad(loss), z, t)


@EVERY_LOSS
@BOTH_LAYOUTS
@TARGETS
def test_no_implicit_rank_promotion(name, axis, target):
    loss, z, t = _call(name, target, axis)
    with jax.numpy_rank_promotion("raise"):
        jax.eval_shape(jax.value_and_grad(loss), z, t)


# What is compiled ---------------------------------------------------------------------------------


def _compiled(name: str, axis: int, samples: int, classes: int, pixels: int) -> hlo.Program:
    """The program of value and gradient."""
    shape = (samples, classes, pixels) if axis == 1 else (samples, pixels, classes)
    z = jax.ShapeDtypeStruct(shape, jnp.float32)
    t = jax.ShapeDtypeStruct((samples, pixels), jnp.int32)

    def loss(z: jax.Array, t: jax.Array) -> jax.Array:
        return getattr(uj, name)(z, t, axis=axis)

    return hlo.parse(jax.jit(jax.value_and_grad(loss)).lower(z, t).compile().as_text())


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="accelerators get one piece")
@pytest.mark.parametrize("name", ["unified_focal", "cross_entropy", "dice"])
def test_logits_are_visited_once_for_the_value_and_once_for_the_gradient(name):
    """… block by block, and the gradient is written once: whatever else a loss needs is cached.

    There is a loop for the value in each precision, one of which runs; few pixels are looked at.
    """
    pixels = 3 * (engine.BLOCK // 4 - engine.ALIGNED)  # two samples, two classes: three blocks
    program = _compiled(name, 1, 2, 2, pixels)
    readers = program.readers(f"f32[2,2,{pixels}]")
    assert set(readers) == {"dynamic-slice", "dynamic-update-slice", "gather"}
    assert readers.count("dynamic-update-slice") == readers.count("gather") == 1
    assert program.operations().count("while") == 3


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="accelerators get one piece")
@pytest.mark.parametrize("name", ["unified_focal", "cross_entropy", "dice"])
@pytest.mark.parametrize("axis", [-1, 1])
def test_pixels_that_do_not_come_out_even_are_written_with_the_others(name, axis):
    """For themselves they would be padded to the size of the logits."""
    pixels = engine.BLOCK // 4 * 3 + 5
    program = _compiled(name, axis, 2, 2, pixels)
    shape = f"f32[2,2,{pixels}]" if axis == 1 else f"f32[2,{pixels},2]"
    assert program.readers(shape).count("dynamic-update-slice") == 1
    assert "pad" not in program.operations()


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="accelerators get one piece")
@EVERY_KIND
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("rest", [0, 64])
def test_nothing_of_the_size_of_the_logits_is_made_beside_the_gradient(name, axis, rest):
    pixels = 64 * (engine.BLOCK // 6) + rest
    z = jax.ShapeDtypeStruct((2, 3, pixels) if axis == 1 else (2, pixels, 3), jnp.float32)
    t = jax.ShapeDtypeStruct((2, pixels), jnp.int32)
    both = jax.jit(jax.value_and_grad(lambda z, t: getattr(uj, name)(z, t, axis=axis)))
    beside = both.lower(z, t).compile().memory_analysis().temp_size_in_bytes
    assert beside <= 4 * z.size / 4


@EVERY_KIND
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("target", ["index", "soft"])
def test_blocks_of_weighted_pixels(name, axis, target):
    """Several blocks, and a rest."""
    z, t = _arrays(engine.BLOCK // 2 + 17, axis=axis)
    t = t if target == "index" else _soft(t, axis)
    pixels = z.shape[0], z.shape[3 - (axis % 3)]
    weight = jnp.asarray(np.random.default_rng(1).uniform(0, 2, pixels))
    loss = lambda z: getattr(uj, name)(z, t, axis=axis, weight=weight)  # noqa: E731
    value, gradient = jax.value_and_grad(loss)(z)
    wanted, by_logits = unifocal.value_and_grad(getattr(unifocal, name))(
        np.asarray(z, "float64"), np.asarray(t), axis=axis, weight=np.asarray(weight, "float64")
    )
    assert relative(value, wanted) <= 1e-6
    assert relative(gradient, by_logits) <= 1e-6


@pytest.mark.parametrize("count", [5, 9, 40])
def test_large_blocks_are_odd_multiples_of_their_alignment(count, monkeypatch):
    """All but the rest of the sums, and the last block of the gradient, which ends with it."""
    widths, read = [], engine.read_block

    def watched(*arguments, **keywords):
        samples, _, width = arguments[4].shape
        if samples == 2:  # not the few pixels that are looked at first
            widths.append(width)
        return read(*arguments, **keywords)

    monkeypatch.setattr(engine, "read_block", watched)
    engine._program.cache_clear()
    pixels = count * (engine.BLOCK // 6) + 17
    z = jax.ShapeDtypeStruct((2, pixels, 3), jnp.float32)
    t = jax.ShapeDtypeStruct((2, pixels), jnp.int32)
    jax.eval_shape(jax.value_and_grad(uj.dice), z, t)
    blocks = {width for width in widths if width != pixels}  # all are read once, for shapes
    rests = {width for width in blocks if width % (2 * engine.ALIGNED) != engine.ALIGNED}
    assert len(blocks - rests) == 2
    assert len(rests) == 1


@pytest.fixture
def accelerated(monkeypatch):
    """The engine believes that it runs on an accelerator, where all pixels are one piece."""
    engine._program.cache_clear()
    monkeypatch.setattr(jax, "default_backend", lambda: "cuda")
    yield
    engine._program.cache_clear()


@EVERY_LOSS
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.usefixtures("accelerated")
def test_one_piece_reads_the_logits_at_most_twice_more_than_it_must(name, axis):
    """Twice it must: the gradient needs the sums of all pixels."""
    pixels = engine.BLOCK
    program = _compiled(name, axis, 2, 3, pixels)
    shape = f"f32[2,3,{pixels}]" if axis == 1 else f"f32[2,{pixels},3]"
    assert 2 <= program.reads(shape) <= 2 + 2
    assert "while" not in program.operations()


@EVERY_KIND
@TARGETS
@pytest.mark.usefixtures("accelerated")
def test_one_piece_is_the_same_loss(name, target):
    loss, z, t = _call(name, target)
    value, gradient = jax.jit(jax.value_and_grad(loss))(z, t)
    keywords = {"activation": "sigmoid"} if target == "sigmoid" else {}
    wanted = unifocal.value_and_grad(getattr(unifocal, name))(
        np.asarray(z, "float64"), np.asarray(t), axis=-1, **keywords
    )
    assert relative(value, wanted[0]) <= 1e-6
    assert relative(gradient, wanted[1]) <= 5e-6


# Export -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ["cuda", "tpu", "cpu"])
def test_export_lowers_for_accelerators(platform):
    """Lowering needs no such device; from a processor it keeps the loop over blocks."""
    export = pytest.importorskip("jax.export")
    program = export.export(jax.jit(jax.value_and_grad(uj.unified_focal)), platforms=[platform])
    assert program(*_arrays()).platforms == (platform,)


@EVERY_LOSS
@pytest.mark.usefixtures("accelerated")
def test_one_piece_is_lowered_for_cuda(name):
    """As it is on such a device: no loop, sums in float64, nothing that only a processor has."""
    export = pytest.importorskip("jax.export")
    z = jax.ShapeDtypeStruct((2, engine.BLOCK, 3), jnp.float32)
    t = jax.ShapeDtypeStruct((2, engine.BLOCK), jnp.int32)
    program = export.export(jax.jit(jax.value_and_grad(getattr(uj, name))), platforms=["cuda"])
    text = program(z, t).mlir_module()
    assert "stablehlo.while" not in text
    assert "stablehlo.custom_call" not in text
    assert re.search(r"stablehlo\.reduce\(.*tensor<2x\d*x?\d+xf64>", text)


def test_export_with_sizes_left_open():
    """One exported program for images of every size."""
    export = pytest.importorskip("jax.export")
    scope = export.SymbolicScope()
    z = jax.ShapeDtypeStruct(export.symbolic_shape("b, h, w, 3", scope=scope), jnp.float32)
    t = jax.ShapeDtypeStruct(export.symbolic_shape("b, h, w", scope=scope), jnp.int32)
    program = export.export(jax.jit(jax.value_and_grad(uj.unified_focal)))(z, t)
    z, t = _arrays(7, 4, samples=3)
    value, gradient = program.call(z, t.astype(jnp.int32))
    wanted = jax.value_and_grad(uj.unified_focal)(z, t)
    assert relative(value, wanted[0]) <= 1e-6
    assert relative(gradient, wanted[1]) <= 1e-6
