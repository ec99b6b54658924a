"""The build backend (PEP 517, PEP 660): setuptools', which finds the player's bundle made.

Where there is neither node nor npm, PyPI's are asked for, into pip's temporary environment.
"""

from typing import Any

import player_bundle
from setuptools import build_meta
from setuptools.build_meta import prepare_metadata_for_build_editable, prepare_metadata_for_build_wheel

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]
Settings = dict[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """What is needed besides setuptools."""
    return build_meta.get_requires_for_build_wheel(config_settings) + _node_if_needed()


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """What is needed besides setuptools."""
    return build_meta.get_requires_for_build_editable(config_settings) + _node_if_needed()


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    """What is needed besides setuptools."""
    return build_meta.get_requires_for_build_sdist(config_settings) + _node_if_needed()


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Bundle the player, then build the wheel."""
    player_bundle.make_bundle()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Bundle the player into the tree, then build the wheel that points there."""
    player_bundle.make_bundle()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Bundle the player, then pack the sources with it: who installs them needs no node."""
    player_bundle.make_bundle()
    return build_meta.build_sdist(sdist_directory, config_settings)


def _node_if_needed() -> list[str]:
    is_needed = player_bundle.is_wanted() and not player_bundle.is_up_to_date()
    has_node = player_bundle.node_on_path() or player_bundle.node_of_wheel()
    return [player_bundle.NODE_WHEEL] if is_needed and not has_node else []
