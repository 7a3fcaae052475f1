"""What a person is told whose installation lacks the packages of distributed mode."""

import pytest

from randomchat.infra.drivers import check_drivers
from randomchat.infra.runtime import StartupError


def test_an_installation_with_all_packages_is_fine() -> None:
    check_drivers()


@pytest.mark.parametrize("driver", ["no_such_driver", "no_such.driver"])
def test_a_missing_package_is_one_line_that_says_what_to_do(driver: str) -> None:
    with pytest.raises(StartupError, match=r'pip install "randomchat\[distributed\]"$'):
        check_drivers([driver])


def test_missing_generated_code_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(StartupError, match=r"make proto$"):
        check_drivers(generated="randomchat.interfaces.no_such")
