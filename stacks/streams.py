"""Where events arrive, and the function that makes them up."""

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
    """The streams of clicks and checkouts with the data generator, which EventBridge starts every few minutes."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id, description="Click and checkout streams, and their generator")
        self._config = config
        self._key = EncryptionKey(self, "Key", config=config, description="Click and checkout streams")
        self.clicks = self._stream("clicks")
        self.checkouts = self._stream("checkouts")
        self.undelivered = self._queue()
        self.data_generator = self._data_generator()
        self._schedule()

    def _stream(self, events_of: str) -> kinesis.Stream:
        # Kinesis has no endpoint without TLS, so there is none to forbid.
        stream = kinesis.Stream(
            self,
            events_of.capitalize(),
            stream_name=self._config.name(events_of),
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            retention_period=Duration.hours(self._config.stream_retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self._key,
            removal_policy=self._config.removal_policy,
        )
        acknowledge(stream, {"KDS3": "A key of our own: whoever reads events needs a grant on the key as well."})
        return stream

    def _queue(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "Undelivered",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(queue, {"SQS3": "This is the dead-letter queue: of the schedule and of the data generator."})
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
            # A retried invocation repeats itself, ids included; after the next one has begun it is no longer needed.
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
