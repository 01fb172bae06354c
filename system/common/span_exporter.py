"""Hand spans to a collector by OTLP over HTTP, and count what it did not take."""

import logging
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from system.common import metrics
from system.common.logging import get_logger

__all__ = ["LazyExporter"]

WITHIN_S = 3.0

log = get_logger("tracing")


class LazyExporter(SpanExporter):
    """OpenTelemetry's own exporter, imported with the first spans: after the start, and in the thread that exports."""

    def __init__(self, url: str) -> None:
        self._url, self._losing = url, False
        self._to: SpanExporter | None = None
        self._reason = _Reason()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; one that is not taken is counted, and said once until one is taken again."""
        if self._to is None:
            from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415

            logging.getLogger(trace_exporter.__name__).addFilter(self._reason)
            self._to = trace_exporter.OTLPSpanExporter(self._url, timeout=WITHIN_S)
        result = self._to.export(spans)
        lost = result is not SpanExportResult.SUCCESS
        metrics.spans.labels("lost" if lost else "exported").inc(len(spans))
        if lost and not self._losing:
            log.warning("spans are lost", extra={"dependency": self._url, "reason": self._reason.said})
        self._losing = lost
        return result

    def shutdown(self) -> None:
        """Send nothing any more."""
        if self._to is not None:
            self._to.shutdown()


class _Reason(logging.Filter):
    """Keeps what the exporter would log, as an error each time: nobody is to be woken for a span."""

    said = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep it and drop it."""
        self.said = record.getMessage()
        return False
