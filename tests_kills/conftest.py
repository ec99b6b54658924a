"""Tests that kill the workflow: `make test-kills`."""

pytest_plugins = ["shared_fixtures"]
