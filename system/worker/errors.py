"""What can end an attempt, sorted by what the worker does about it."""

__all__ = ["BadInputError", "DiskFullError", "EncoderLostError", "LeaseLostError", "OutageError", "PipelineError"]


class BadInputError(Exception):
    """The uploaded file can never become a preview; its message is shown to the user and the job is not retried."""


class PipelineError(Exception):
    """FFmpeg, the machine or one request failed in a way that another attempt may survive."""


class OutageError(Exception):
    """Something that every job needs does not answer; the job is not to blame and its attempt is not counted."""


class DiskFullError(OutageError):
    """The disk of the worker itself has no room; another worker may have some."""


class EncoderLostError(Exception):
    """The encoder that worked does not any more, for any video; the attempt is not counted, and an encoder is to be chosen anew."""


class LeaseLostError(Exception):
    """Another worker owns the job by now, or the job is gone; this worker must not publish."""
