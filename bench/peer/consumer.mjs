// Consumes a queue by sqs-consumer with a handler that does nothing, for
// bench/queue_test.go: consumer.mjs QUEUE-URL CONSUMERS message|batch. It ends with its
// standard input.
//
// For each message it prints a line when it is deleted: the "key" of the object
// in its body, when its handler began and when the message was gone, in
// milliseconds of Unix time. Lines are gathered while there is something else to
// do, so that printing costs little.
import { SQSClient } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";

const [queueUrl, consumers, mode] = process.argv.slice(2);
if (!queueUrl || !(consumers > 0) || !["message", "batch"].includes(mode)) {
  console.error("usage: consumer.mjs QUEUE-URL CONSUMERS message|batch");
  process.exit(2);
}
process.stdin.resume().on("end", () => process.exit(0));

const now = () => performance.timeOrigin + performance.now();
const began = new Map();
let lines = [];

function begin(message) {
  began.set(message.MessageId, now());
}

function gone(message) {
  if (lines.length === 0) setImmediate(print);
  const { key } = JSON.parse(message.Body).Records[0].s3.object;
  lines.push(`${key} ${began.get(message.MessageId).toFixed(3)} ${now().toFixed(3)}\n`);
  began.delete(message.MessageId);
}

function print() {
  process.stdout.write(lines.join(""));
  lines = [];
}

const handler =
  mode === "message"
    ? { handleMessage: async (message) => (begin(message), message) }
    : { handleMessageBatch: async (messages) => (messages.forEach(begin), messages) };

const sqs = new SQSClient({ useQueueUrlAsEndpoint: false }); // The settings come from the environment.
for (let i = 0; i < Number(consumers); i++) {
  const consumer = Consumer.create({ queueUrl, sqs, batchSize: 10, waitTimeSeconds: 20, ...handler });
  for (const failure of ["error", "processing_error", "timeout_error"]) {
    consumer.on(failure, (err) => {
      console.error(failure, err);
      process.exit(1);
    });
  }
  consumer.on("message_processed", gone);
  consumer.start();
}
