"""What TensorFlow users rely on: tapes, graphs with unknown shapes, XLA, variables, memory."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import unifocal  # noqa: E402
import unifocal_tensorflow as ut  # noqa: E402
from tests.backends import hlo  # noqa: E402
from tests.backends.arrays import KINDS, NAMES, relative, unbalanced_volume, volume  # noqa: E402
from unifocal.engine.pixels import CHEAP  # noqa: E402

EVERY_LOSS = pytest.mark.parametrize("name", NAMES)
EVERY_KIND = pytest.mark.parametrize("name", KINDS)
TARGETS = pytest.mark.parametrize("target", ["index", "soft", "sigmoid"])


def _arrays(*spatial: int, axis: int = -1) -> tuple[tf.Tensor, tf.Tensor]:
    return tuple(map(tf.constant, volume(*(spatial or (5, 6)), axis=axis)))


def _soft(labels: tf.Tensor) -> tf.Tensor:
    return tf.one_hot(labels, 3) * 0.9 + 0.03


def _call(name: str, target: str) -> tuple[Any, tf.Tensor, tf.Tensor]:
    z, t = _arrays()
    keywords = {"activation": "sigmoid"} if target == "sigmoid" else {}

    def loss(z: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        return getattr(ut, name)(z, t, **keywords)

    return loss, z, t if target == "index" else _soft(t)


def _value_and_grad(loss: Any, z: Any, *constants: Any) -> tuple[Any, Any]:
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss(z, *constants)
    return value, tape.gradient(value, z)


def _hold(found: tuple[Any, Any], wanted: tuple[Any, Any]) -> None:
    assert relative(found[0], wanted[0]) <= 1e-6
    assert relative(found[1], wanted[1]) <= 1e-5


@EVERY_KIND
@TARGETS
def test_a_graph_with_unknown_shapes(name, target):
    """Only the number of classes is known when the graph is built."""
    loss, z, t = _call(name, target)
    wanted = _value_and_grad(loss, z, t)
    target_spec = tf.TensorSpec([None] * 3 if target == "index" else [None] * 3 + [3], t.dtype)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], z.dtype), target_spec])
    def graph(z: tf.Tensor, t: tf.Tensor) -> Any:
        return _value_and_grad(loss, z, t)

    _hold(graph(z, t), wanted)
    _hold(graph(z[:, :2], t[:, :2]), _value_and_grad(loss, z[:, :2], t[:, :2]))


BLOCKS = pytest.mark.parametrize("size", [1 << 19, 12], ids=["one piece", "blocks"])


def _blocks_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a block have so many logits: all of these arrays', or a few."""
    engine = importlib.import_module("unifocal_tensorflow.engine")
    monkeypatch.setattr(engine, "BLOCK", size)
    monkeypatch.setattr(engine, "SMALL", size)


@EVERY_KIND
@TARGETS
@BLOCKS
def test_a_graph_for_batches_of_any_size(name, target, size, monkeypatch):
    """As Keras builds it: the pixels of a sample are known, and may be taken in blocks."""
    _blocks_of(size, monkeypatch)
    loss, z, t = _call(name, target)
    graph = tf.function(
        lambda z, t: _value_and_grad(loss, z, t),
        input_signature=[tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in (z, t)],
    )
    for n in (2, 1):
        _hold(graph(z[:n], t[:n]), _value_and_grad(loss, z[:n], t[:n]))


@EVERY_KIND
@TARGETS
@BLOCKS
def test_xla(name, target, size, monkeypatch):
    _blocks_of(size, monkeypatch)
    loss, z, t = _call(name, target)
    compiled = tf.function(lambda z, t: _value_and_grad(loss, z, t), jit_compile=True)
    _hold(compiled(z, t), _value_and_grad(loss, z, t))


@EVERY_KIND
@TARGETS
@pytest.mark.parametrize("per_block", [2, 3, 4])
def test_several_samples_in_a_block(name, target, per_block, monkeypatch):
    """Of six samples: three to a block, and also where four would fit."""
    z, t = map(tf.constant, volume(5, 4, axis=-1, samples=6))
    t = t if target == "index" else _soft(t)
    weight = tf.random.stateless_uniform((6, 5, 4), seed=(0, 1))
    activation = "sigmoid" if target == "sigmoid" else "softmax"

    def loss(z: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        return getattr(ut, name)(z, t, weight=weight, activation=activation)

    wanted = _value_and_grad(loss, z, t)
    engine = importlib.import_module("unifocal_tensorflow.engine")
    monkeypatch.setattr(engine, "BLOCK", per_block * 5 * 4 * 3)
    monkeypatch.setattr(engine, "SMALL", 0)
    monkeypatch.setattr(engine, "SHARE", 1)
    _hold(_value_and_grad(loss, z, t), wanted)
    _hold(tf.function(lambda z, t: _value_and_grad(loss, z, t))(z, t), wanted)


HANDED_ON = {"Placeholder", "StopGradient", "Reshape", "Identity", "IdentityN", "StatelessWhile"}
"""Operations that make no array: they hand on one that is there."""


@EVERY_KIND
@TARGETS
def test_the_gradient_is_the_only_array_as_large_as_the_logits(name, target, monkeypatch):
    """Outside of the loops, whose bodies are of blocks, and of what nobody uses."""
    engine = importlib.import_module("unifocal_tensorflow.engine")
    monkeypatch.setattr(engine, "BLOCK", 12)
    monkeypatch.setattr(engine, "SMALL", 0)
    loss, z, t = _call(name, target)
    graph = tf.function(lambda z, t: _value_and_grad(loss, z, t)).get_concrete_function(z, t).graph
    made = [
        operation.type
        for operation in graph.get_operations()
        if operation.type not in HANDED_ON
        for output in operation.outputs
        if output.consumers() and (output.shape.num_elements() or 0) >= tf.size(z)
    ]
    assert made == ["Empty"]


@pytest.mark.parametrize(
    ("shape", "cut"),
    [
        ((2, 80 * 160 * 160, 3), (1, 128_000)),  # up to 2^19 logits each
        ((32, 128 * 128, 2), None),  # few: 2^20
        ((64, 128 * 128, 2), (8, 128 * 128)),  # an eighth of all
        ((None, 128 * 128, 2), None),  # sixteen such samples are few
        ((None, 256 * 256, 2), (1, 256 * 256)),
        ((None, 80 * 160 * 160, 3), (1, 128_000)),
        ((2, None, 3), None),
        ((0, 80 * 160 * 160, 3), None),
        ((2, 1_000_003, 3), (1, 1_000_003)),  # a prime number
    ],
)
def test_a_block_is_small_beside_all_logits(shape, cut):
    engine = importlib.import_module("unifocal_tensorflow.engine")
    plan = SimpleNamespace(axis=-1, channels=shape[2])
    found = engine._cut(plan, tf.TensorSpec(shape, tf.float32))
    assert found == cut


@pytest.mark.parametrize(
    ("shape", "cut"),
    [
        ((2, 80 * 160 * 160, 3), (4, 40_960)),  # up to 2^19 logits each
        ((32, 128 * 128, 2), (4, 128 * 128)),  # an eighth of all
        ((None, 80 * 160 * 160, 3), (2, 40_960)),
        ((1, 256 * 512, 16), (64, 256)),
        ((1, 256 * 512, 64), (128, 64)),
        ((2, 1_000_003, 3), (1, 1_000_003)),
    ],
)
def test_xla_gets_several_rows_whose_classes_lie_side_by_side(shape, cut, monkeypatch):
    engine = importlib.import_module("unifocal_tensorflow.engine")
    monkeypatch.setattr(engine, "in_xla", lambda: True)
    plan = SimpleNamespace(axis=-1, channels=shape[2])
    assert engine._cut(plan, tf.TensorSpec(shape, tf.float32)) == cut


@EVERY_LOSS
@pytest.mark.parametrize("axis", [-1, 1])
def test_one_piece_under_xla_reads_the_logits_at_most_twice_more_than_it_must(
    name, axis, monkeypatch
):
    """As accelerators get it. Twice it must: the gradient needs the sums of all pixels."""
    engine = importlib.import_module("unifocal_tensorflow.engine")
    monkeypatch.setattr(engine, "on_processor", lambda: False)
    pixels = CHEAP // 2 + 1  # of fewer the terms are in float64
    shape = (2, 3, pixels) if axis == 1 else (2, pixels, 3)
    arguments = tf.zeros(shape), tf.zeros((2, pixels), tf.int32)
    loss = lambda z, t: getattr(ut, name)(z, t, axis=axis)  # noqa: E731
    compiled = tf.function(lambda z, t: _value_and_grad(loss, z, t), jit_compile=True)
    text = compiled.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")
    program = hlo.parse(text)
    assert 2 <= program.reads(f"f32[{','.join(map(str, shape))}]") <= 2 + 2
    assert "while" not in program.operations()


# What XLA compiles in a graph that it does not compile as a whole ---------------------------------


@pytest.fixture
def xla(monkeypatch):
    """The module, and a large array to be one of ten logits."""
    monkeypatch.delenv("UNIFOCAL_XLA", raising=False)
    module = importlib.import_module("unifocal_tensorflow.xla")
    monkeypatch.setattr(module, "MANY", 10)
    yield module
    module.use_xla(None)


def _compiled_passes(*arguments: Any, **options: Any) -> int:
    """How many functions of the graph of value and gradient XLA compiles."""
    call = lambda z, t: _value_and_grad(ut.unified_focal, z, t)  # noqa: E731
    graph = tf.function(call, **options).get_concrete_function(*arguments).graph.as_graph_def()
    return sum(f.attr["_XlaMustCompile"].b for f in graph.library.function)


def _specifications(*shape: int | None) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    return tf.TensorSpec([*shape, 3]), tf.TensorSpec(shape, tf.int64)


@EVERY_KIND
@TARGETS
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.usefixtures("xla")
def test_xla_compiles_the_passes_of_a_graph(name, target, axis):
    z, t = _arrays(axis=axis)
    t = t if target == "index" else _soft(t)
    t = t if axis == -1 or target == "index" else tf.transpose(t, (0, 3, 1, 2))
    weight = tf.random.stateless_uniform((2, 5, 6), seed=(0, 1))
    activation = "sigmoid" if target == "sigmoid" else "softmax"

    def loss(z: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        return getattr(ut, name)(z, t, axis=axis, weight=weight, activation=activation)

    wanted = _value_and_grad(loss, z, t)
    _hold(tf.function(lambda z, t: _value_and_grad(loss, z, t))(z, t), wanted)


@pytest.mark.usefixtures("xla")
def test_xla_compiles_both_passes_and_nothing_twice():
    assert _compiled_passes(*_arrays()) == 2
    assert _compiled_passes(*_specifications(None, 5, 6)) == 2
    assert _compiled_passes(*_arrays(), jit_compile=True) == 0


def test_xla_is_left_out_where_it_could_compile_often_for_little(xla):
    z, t = _arrays(1, 5)
    assert _compiled_passes(z[:1], t[:1]) == 2  # fifteen logits
    xla.MANY = 16
    assert _compiled_passes(z[:1], t[:1]) == 0
    assert _compiled_passes(z, t) == 2
    assert _compiled_passes(*_specifications(None, 1, 5)) == 2  # sixteen samples
    xla.MANY = 1
    assert _compiled_passes(*_specifications(2, None, 5)) == 0


def test_xla_can_be_switched_off_and_is_off_on_accelerators(xla, monkeypatch):
    arrays = _arrays()
    xla.use_xla(False)
    assert _compiled_passes(*arrays) == 0
    xla.use_xla(None)
    monkeypatch.setenv("UNIFOCAL_XLA", "0")
    assert _compiled_passes(*arrays) == 0
    xla.use_xla(True)  # said in the program, it counts for more
    assert _compiled_passes(*arrays) == 2
    monkeypatch.setattr(xla, "on_processor", lambda: False)
    assert _compiled_passes(*arrays) == 2
    xla.use_xla(None)
    monkeypatch.delenv("UNIFOCAL_XLA")
    assert _compiled_passes(*arrays) == 0


def test_a_build_without_xla_does_without(xla, monkeypatch):
    monkeypatch.setattr(tf.test, "is_built_with_xla", lambda: False)
    assert _compiled_passes(*_arrays()) == 0


def test_logits_in_a_variable():
    z, t = _arrays()
    value, gradient = _value_and_grad(ut.unified_focal, tf.Variable(z), t)
    _hold((value, gradient), _value_and_grad(ut.unified_focal, z, t))
    assert isinstance(gradient, tf.Tensor)


def test_target_and_weight_in_variables():
    z, t = _arrays()
    weight = tf.random.stateless_uniform((2, 5, 6), seed=(0, 1))
    found = ut.dice(z, tf.Variable(t), weight=tf.Variable(weight))
    assert relative(found, ut.dice(z, t, weight=weight)) <= 1e-7


@BLOCKS
def test_a_jacobian_of_the_losses_of_samples(size, monkeypatch):
    _blocks_of(size, monkeypatch)
    z, t = _arrays()
    with tf.GradientTape() as tape:
        tape.watch(z)
        losses = ut.unified_focal(z, t, reduction="none")
    jacobian = tape.jacobian(losses, z).numpy()
    assert jacobian.shape == (2, *z.shape)
    assert not jacobian[0, 1].any()
    assert not jacobian[1, 0].any()


@BLOCKS
def test_map_functions(size, monkeypatch):
    _blocks_of(size, monkeypatch)
    z, t = _arrays()
    stacks = tf.stack((z, -z)), tf.stack((t, t))
    wanted = tf.stack((ut.dice(z, t), ut.dice(-z, t)))
    mapped = tf.map_fn(lambda x: ut.dice(*x), stacks, fn_output_signature=tf.float32)
    assert relative(mapped, wanted) <= 1e-6
    assert relative(tf.vectorized_map(lambda x: ut.dice(*x), stacks), wanted) <= 1e-6


def test_a_training_step_lowers_the_loss():
    z, t = _arrays(8, 8)
    kernel = tf.Variable(tf.eye(3))

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = ut.unified_focal(tf.matmul(z, kernel), t)
        kernel.assign_sub(0.1 * tape.gradient(value, kernel))
        return value

    first = step()
    for _ in range(5):
        last = step()
    assert last < first


# Memory -------------------------------------------------------------------------------------------


def _slope_of_weight() -> Any:
    z, t = _arrays()
    weight = tf.ones((2, 5, 6))
    return _value_and_grad(lambda w: ut.unified_focal(z, t, weight=w), weight)[1]


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_what_the_forward_pass_computes_is_not_recorded(graph):
    """A tape that records it keeps every intermediate array, some twenty times the logits.

    It shows in the weight, a constant: only recorded operations lead to it.
    """
    found = []
    call = lambda: found.append(_slope_of_weight())  # noqa: E731
    (tf.function(call) if graph else call)()
    assert found == [None]


# Errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [3, -1, 255])
def test_a_label_out_of_range_is_an_error_or_nan(label):
    z, t = volume(5, 6, axis=-1)
    t[0, 0, 0] = label
    z, t = tf.constant(z), tf.constant(t)
    with pytest.raises(ValueError, match="target must hold class indices from 0 to 2"):
        ut.dice(z, t)
    assert np.isnan(tf.function(ut.dice)(z, t))
    assert np.isnan(tf.function(ut.dice, jit_compile=True)(z, t))
    assert np.isfinite(ut.dice(z, t, ignore_index=label))


@pytest.mark.usefixtures("xla")
def test_a_label_out_of_range_is_nan_where_xla_compiles_the_passes():
    z, t = _arrays()
    value, gradient = tf.function(lambda z, t: _value_and_grad(ut.dice, z, t))(z, t + 1)
    assert np.isnan(value)
    assert np.all(np.isnan(gradient))


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
@pytest.mark.usefixtures("xla")
def test_a_second_derivative_is_refused(graph):
    z, t = _arrays()

    def second() -> Any:
        slope = lambda z: tf.reduce_sum(_value_and_grad(ut.dice, z, t)[1] ** 2)  # noqa: E731
        return _value_and_grad(slope, z)[1]

    with pytest.raises(NotImplementedError, match="second derivatives are not provided"):
        (tf.function(second) if graph else second)()


def test_wrong_types_are_named():
    z, t = _arrays()
    with pytest.raises(TypeError, match=r"target must be a tf\.Tensor, got ndarray"):
        ut.dice(z, t.numpy())
    with pytest.raises(TypeError, match=r"weight must be a tf\.Tensor, got list"):
        ut.dice(z, t, weight=[1.0])


def test_what_must_be_known_when_a_graph_is_built():
    z, t = _arrays()
    unknown_rank = tf.function(ut.dice, input_signature=[tf.TensorSpec(None), tf.TensorSpec(None)])
    with pytest.raises(ValueError, match="logits must have a known number of dimensions"):
        unknown_rank(z, tf.cast(t, tf.float32))
    unknown_classes = [tf.TensorSpec([None] * 4), tf.TensorSpec([None] * 3, t.dtype)]
    with pytest.raises(ValueError, match="the class axis 3 of logits must have a known size"):
        tf.function(ut.dice, input_signature=unknown_classes)(z, t)


def test_shapes_that_do_not_fit_in_a_graph_are_an_error():
    """They are not known before the graph runs; then they must not broadcast to a number."""
    z, t = _arrays()
    specs = [tf.TensorSpec([None, None, None, 3]), tf.TensorSpec([None] * 3, t.dtype)]
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.function(ut.dice, input_signature=specs)(z, t[:, :4])


# Precision ----------------------------------------------------------------------------------------


@EVERY_LOSS
@pytest.mark.parametrize("axis", [-1, 1])
def test_float32_sums_of_a_large_volume(name, axis):
    z, t = unbalanced_volume(axis=axis)
    wanted = getattr(unifocal, name)(z.astype("float64"), t, axis=axis)
    assert relative(getattr(ut, name)(tf.constant(z), tf.constant(t), axis=axis), wanted) <= 1e-6


@EVERY_KIND
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_for_storage_only(name, dtype):
    loss, z, t = _call(name, "index")
    z = tf.cast(z, dtype)
    value, gradient = _value_and_grad(loss, z, t)
    full_value, full_gradient = _value_and_grad(loss, tf.cast(z, tf.float32), t)
    assert (value.dtype, gradient.dtype) == (tf.float32, z.dtype)
    assert relative(value, full_value) <= 1e-6
    assert bool(tf.reduce_all(gradient == tf.cast(full_gradient, z.dtype)))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "uint64", "bool"])
def test_every_integer_type_is_a_label(dtype):
    z, t = _arrays()
    t = tf.minimum(t, 1)
    assert relative(ut.dice(z, tf.cast(t, dtype)), ut.dice(z, t)) <= 1e-7
