import org.elasticmq.rest.sqs.SQSRestServerBuilder;

/** Runs ElasticMQ with all its data in memory: Server HOST PORT. */
public final class Server {
  public static void main(String[] args) {
    SQSRestServerBuilder.withInterface(args[0]).withPort(Integer.parseInt(args[1])).start().waitUntilStarted();
  }
}
