from seatrial.facets.s3._destroy import DestroyS3
from seatrial.facets.s3._exercise import ExerciseS3, ServiceKey
from seatrial.facets.s3._observe import ObserveS3, S3Object

__all__ = ["DestroyS3", "ExerciseS3", "ObserveS3", "S3Object", "ServiceKey"]
