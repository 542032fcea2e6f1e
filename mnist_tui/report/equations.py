"""Write an optimizer's step, which is a small Python program, as aligned equations in TeX."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

ARGUMENTS = {
    "learning_rate": r"\eta",
    "rho": r"\rho",
    "momentum": r"\alpha",
    "epsilon": r"\varepsilon",
    "beta_1": r"\beta_1",
    "beta_2": r"\beta_2",
    "weight_decay": r"\lambda",
    "initial_accumulator_value": "s_0",
    "ridges": r"\lambda",
}
"""The symbols of arguments in TeX; an argument that only chooses among equations has no symbol."""
OFF = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm"),
    *("use_ema", "loss_scale_factor", "gradient_accumulation_steps"),
)
"""Arguments of Keras' optimizers that stay switched off, unless the experiment's optimizer has them as its own."""
LETTERS = {
    "a": r"\bar{g}",
    "largest": r"\hat{v}",
    "rate": r"\hat{\eta}",
    "mu": r"\mu",
    "product": r"\Pi",
    "m_hat": r"\hat{m}",
    "v_hat": r"\hat{v}",
    "change": r"\Delta",
}
"""The letters in TeX of values that change from step to step; other names are letters themselves."""
FUNCTIONS = {"max": r"\max", "sign": r"\operatorname{sign}"}
NUMBERED_NEXT = {"mu_next": r"\mu_{t+1}"}
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(5)
"""How strongly the parts of an expression are bound, the weakest first."""


def step_in_tex(step: Sequence[str]) -> str:
    r"""Return a step's assignments, one below the other with aligned equals signs, in TeX for a displayed formula.

    A value has the index t once it is assigned, and t − 1 before: ``w = w - learning_rate * g`` becomes
    ``w_t &= w_{t-1} - \eta\, g_t``.
    """
    return aligned_in_tex(equations(step))


def aligned_in_tex(lines: Sequence[str]) -> str:
    """Return equations with ``&=`` for their equals signs, one below the other, for a displayed formula."""
    return r"\begin{aligned}" + " \\\\\n".join(lines) + r"\end{aligned}"


def equations(step: Sequence[str]) -> list[str]:
    """Return a step's assignments in TeX, each with ``&=`` for its equals sign."""
    known, lines = {"g"}, list[str]()
    for line in step:
        assignment = ast.parse(line).body[0]
        assert isinstance(assignment, ast.Assign) and isinstance(assignment.targets[0], ast.Name)
        name = assignment.targets[0].id
        value = _expression(assignment.value, known)[0]
        known.add(name)
        lines.append(f"{letter(name)} &= {value}")
    return lines


def names_in(step: Sequence[str]) -> list[str]:
    """Return the names that a step assigns, in their order."""
    return [line.partition(" = ")[0] for line in step]


def carried_over(step: Sequence[str]) -> list[str]:
    """Return the names whose values a step takes over from the step before, besides the weight."""
    assigned, names = set[str](), dict[str, None]()
    for line in step:
        assignment = ast.parse(line).body[0]
        used = {
            node.id for node in ast.walk(assignment) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        names |= dict.fromkeys(name for name in names_in(step) if name in used and name not in assigned)
        assigned |= set(names_in([line]))
    return [name for name in names if name != "w"]


def letter(name: str, index: str = "t") -> str:
    """Return the letter in TeX of a value that changes from step to step, with its index."""
    return NUMBERED_NEXT.get(name) or f"{LETTERS.get(name, name)}_{index if len(index) == 1 else f'{{{index}}}'}"


def _expression(node: ast.expr, known: Collection[str]) -> tuple[str, int]:
    """Return an expression in TeX, and how strongly its parts are bound."""

    def bound(part: ast.expr, least: int) -> str:
        text, strength = _expression(part, known)
        return text if strength >= least else rf"({text})"

    match node:
        case ast.Name("t"):
            return "t", _ATOM
        case ast.Name(name) if name in ARGUMENTS:
            return ARGUMENTS[name], _ATOM
        case ast.Name(name):
            return letter(name, "t" if name in known else "t-1"), _ATOM
        case ast.Constant(value):
            return f"{value:g}", _ATOM
        case ast.UnaryOp(ast.USub(), operand):
            return f"-{bound(operand, _SIGN)}", _SIGN
        case ast.BinOp(left, ast.Add(), right):
            return f"{bound(left, _SUM)} + {bound(right, _SUM)}", _SUM
        case ast.BinOp(left, ast.Sub(), right):
            return f"{bound(left, _SUM)} - {bound(right, _PRODUCT)}", _SUM
        case ast.BinOp(left, ast.Mult(), right):
            dot = r" \cdot " if isinstance(left, ast.Constant) else r"\, "
            return f"{bound(left, _PRODUCT)}{dot}{bound(right, _SIGN)}", _PRODUCT
        case ast.BinOp(left, ast.Div(), right):
            return rf"\frac{{{_expression(left, known)[0]}}}{{{_expression(right, known)[0]}}}", _POWER
        case ast.BinOp(left, ast.Pow(), right):
            return f"{bound(left, _ATOM)}^{{{_expression(right, known)[0]}}}", _POWER
        case ast.Call(ast.Name("sqrt"), [inner]):
            return rf"\sqrt{{{_expression(inner, known)[0]}}}", _ATOM
        case ast.Call(ast.Name("abs"), [inner]):
            return rf"\lvert {_expression(inner, known)[0]} \rvert", _ATOM
        case ast.Call(ast.Name(name), arguments):
            return f"{FUNCTIONS[name]}({', '.join(_expression(part, known)[0] for part in arguments)})", _ATOM
        case _:
            raise ValueError(f"{ast.unparse(node)} cannot be written in TeX")
