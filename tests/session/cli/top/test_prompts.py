from __future__ import annotations

import pytest
from evtorrent.session.cli.top.frame import Frame, text_of, width_of
from evtorrent.session.cli.top.prompts import MAX_ANSWER, Prompt, PromptEnd, with_prompt


def typed(prompt: Prompt, *keys: str) -> PromptEnd:
    for key in keys[:-1]:
        assert prompt.press(key) is PromptEnd.OPEN
    return prompt.press(keys[-1])


def test_a_line_is_typed():
    prompt = Prompt("Add:")
    assert typed(prompt, *"magnex", "backspace", "t", "up", "\x1b", "enter") is PromptEnd.ANSWERED
    assert prompt.answer == "magnet"


def test_a_line_is_taken_back():
    prompt = Prompt("Add:")
    typed(prompt, *"abc", "ctrl-u", "d")
    assert prompt.answer == "d"
    assert prompt.press("escape") is PromptEnd.CANCELLED


@pytest.mark.parametrize(("key", "end"), [("y", PromptEnd.ANSWERED), ("enter", PromptEnd.CANCELLED)])
def test_one_of_some_keys(key, end):
    prompt = Prompt("Sure?", choices="yd")
    assert prompt.press(key) is end
    assert prompt.answer == key


def test_a_paste_has_an_end():
    prompt = Prompt("Add:", "x" * MAX_ANSWER)
    prompt.press("y")
    assert prompt.answer == "x" * MAX_ANSWER


@pytest.mark.parametrize("answer", ["", "short", "long " * 50, "全角" * 40])
@pytest.mark.parametrize("width", [12, 30, 80])
def test_the_end_of_the_answer_and_the_cursor_are_seen(answer, width):
    line, column = Prompt("Question:", answer).line(width)
    text = "".join(span.text for span in line)
    assert width_of(text) == width
    assert 0 <= column < width
    assert width_of(text.rstrip()) <= column or not answer
    assert answer.rstrip()[-1:] in text


def test_it_takes_the_last_line():
    frame = with_prompt(Frame((text_of("a", 20), text_of("b", 20))), Prompt("Add:", "xy"), 20)
    assert frame.text() == "a\nAdd: xy"
    assert frame.cursor == (1, 7)
