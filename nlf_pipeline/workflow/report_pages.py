"""Large pages inside Snakemake's report, which is one html file.

The report gives a page to the browser as an address that holds it, and browsers refuse addresses of more than 2 MB.
"""

import functools
from typing import Any

_LAST_PART = "components/app.js"
_AS_BLOBS = """
for (const result of Object.values(results)) {
    const [head, content] = (result.data_uri || "").split(";base64,");
    if (!content || !head.startsWith("data:text/html")) continue;
    let address = null;
    Object.defineProperty(result, "data_uri", { get() {
        if (address === null) {
            const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
            address = URL.createObjectURL(new Blob([bytes], { type: "text/html;charset=utf-8" }));
        }
        return address;
    } });
}
"""
"""A page gets a short address of its own as soon as it is looked at."""


def show_large_pages(workflow: Any) -> None:
    """Have reports show html of any size; the zipped ones do already.

    Args:
        workflow: Snakemake's.
    """
    create = workflow.create_report

    @functools.wraps(create)
    def create_with_blobs(*arguments: Any, **named: Any) -> Any:
        from snakemake.report import html_reporter

        read = html_reporter.get_resource_as_string
        html_reporter.get_resource_as_string = lambda name: read(name) + (_AS_BLOBS if name == _LAST_PART else "")
        try:
            return create(*arguments, **named)
        finally:
            html_reporter.get_resource_as_string = read

    workflow.create_report = create_with_blobs
