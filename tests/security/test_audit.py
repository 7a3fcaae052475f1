"""An audit that could not ask is not a clean one."""

from __future__ import annotations

import json

from tests.security.audit import judge_node, judge_python


def test_what_was_found_is_named() -> None:
    packages = [{"name": "a", "version": "1", "vulns": [{"id": "X-1"}]}, {"name": "b", "version": "2", "vulns": []}]
    verdict = judge_python(json.dumps({"dependencies": packages}), "")
    assert (verdict.asked, verdict.holes, verdict.trouble) == (2, ["a 1: X-1"], "")


def test_a_package_that_could_not_be_looked_up_is_not_clean() -> None:
    packages = [{"name": "a", "skip_reason": "not found"}, {"name": "b", "version": "2", "vulns": []}]
    verdict = judge_python(json.dumps({"dependencies": packages}), "")
    assert verdict.asked == 1
    assert "NOT AUDITED: 1 packages" in str(verdict)


def test_an_audit_without_an_answer_says_why() -> None:
    assert "NOT AUDITED: no route" in str(judge_python("", "Traceback\nno route"))
    assert "NOT AUDITED: 405" in str(judge_node('{"message": "405"}', ""))


def test_what_npm_found_is_named() -> None:
    answer = {"vulnerabilities": {"left-pad": {"severity": "high"}}, "metadata": {"dependencies": {"total": 7}}}
    verdict = judge_node(json.dumps(answer), "")
    assert (verdict.asked, verdict.holes) == (7, ["left-pad: high"])
