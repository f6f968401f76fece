"""The Kinesis streams of events, and the data generator that simulates them."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.config import Config
from stacks.encryption_key import EncryptionKey
from stacks.python_function import PythonFunction


class StreamsStack(Stack):
    """The streams of clicks and checkouts, and the data generator with its EventBridge schedule."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id, description="Click and checkout streams, and their generator")
        self._config = config
        self._key = EncryptionKey(self, "Key", config=config, description="Click and checkout streams")
        self.clicks = self._stream("clicks")
        self.checkouts = self._stream("checkouts")
        self.undelivered = self._queue()
        self.data_generator = self._data_generator()
        self._schedule()

    def _stream(self, event_type: str) -> kinesis.Stream:
        # No policy enforces TLS, because every Kinesis endpoint requires TLS.
        stream = kinesis.Stream(
            self,
            event_type.capitalize(),
            stream_name=self._config.name(event_type),
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            retention_period=Duration.hours(self._config.stream_retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self._key,
            removal_policy=self._config.removal_policy,
        )
        acknowledge(stream, {"KDS3": "A customer-managed key: reading events needs a permission on the key as well."})
        return stream

    def _queue(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "Undelivered",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(
            queue, {"SQS3": "The queue is itself the dead-letter queue of the schedule and the data generator."}
        )
        return queue

    def _data_generator(self) -> PythonFunction:
        function = PythonFunction(
            self,
            "DataGenerator",
            config=self._config,
            component="data_generator",
            description="Simulates shoppers: writes clicks and checkouts to the two streams",
            environment={
                "CLICKS_STREAM": self.clicks.stream_name,
                "CHECKOUTS_STREAM": self.checkouts.stream_name,
            },
            timeout=Duration.minutes(2),
            memory_size=512,
            # Retries are idempotent, ids included. They end when the next scheduled invocation is due.
            retry_attempts=2,
            max_event_age=Duration.minutes(5),
            dead_letter_queue=self.undelivered,
        )
        for stream in (self.clicks, self.checkouts):
            stream.grant(function, "kinesis:PutRecords")
        self._key.grant(function, "kms:GenerateDataKey")
        return function

    def _schedule(self) -> None:
        events.Rule(
            self,
            "Schedule",
            description="Starts the data generator",
            schedule=events.Schedule.expression(self._config.generator_schedule),
            targets=[
                targets.LambdaFunction(
                    self.data_generator,
                    retry_attempts=2,
                    max_event_age=Duration.minutes(5),
                    dead_letter_queue=self.undelivered,
                )
            ],
        )
