"""Turn uploads into previews: take jobs from the stream, run FFmpeg, publish exactly one visible result."""
