import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Sends a message and, whatever happens in between, sends it once. Java 17, nothing else.
 *
 * <pre>SMS_API=http://127.0.0.1:8080 java Send.java order-17 010-1234-5678 홍길동</pre>
 *
 * SMS_API is the output apiUrl of the stack, and SMS_API_TOKEN the caller's JWT; go run ./local needs none.
 */
public class Send {
    static final int ATTEMPTS = 6;
    static final long LONGEST_WAIT = 60_000; // ms

    static final HttpClient CLIENT = HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build();

    /** The API does not take the message, and will not take it if it is asked again. The problem (JSON) says why. */
    static class Refused extends RuntimeException {
        Refused(int status, String problem) {
            super(status + " " + problem);
        }
    }

    /** Returns what the API answers, JSON with "id". The same key with the same message is one message, however often it is sent. */
    static String send(String message, String key) throws InterruptedException {
        var builder = HttpRequest.newBuilder(URI.create(env("SMS_API", "http://127.0.0.1:8080").replaceAll("/$", "") + "/v1/messages"))
            .timeout(Duration.ofSeconds(30)).header("Content-Type", "application/json").header("Idempotency-Key", key)
            .POST(BodyPublishers.ofString(message));
        if (!env("SMS_API_TOKEN", "").isEmpty()) {
            builder.header("Authorization", "Bearer " + env("SMS_API_TOKEN", ""));
        }
        HttpRequest request = builder.build(); // once: what is repeated is the same to the byte
        for (int attempt = 1; ; attempt++) {
            long wait = ThreadLocalRandom.current().nextLong(Math.min(LONGEST_WAIT, 500L << attempt));
            String why;
            try {
                HttpResponse<String> response = CLIENT.send(request, BodyHandlers.ofString());
                int status = response.statusCode();
                if (status == 200 || status == 202) {
                    return response.body(); // 202, or 200 when an earlier attempt had been accepted
                }
                if (status != 429 && status < 500) {
                    throw new Refused(status, response.body());
                }
                wait = Math.max(wait, 1000 * response.headers().firstValueAsLong("Retry-After").orElse(0));
                why = String.valueOf(status);
            } catch (IOException e) {
                why = e.toString(); // no answer, or half of one: it may have been accepted
            }
            if (attempt == ATTEMPTS || wait > LONGEST_WAIT) {
                // The key is yours to keep: send the same again later, with the same key.
                throw new IllegalStateException("not answered after " + attempt + " attempts: " + why);
            }
            Thread.sleep(wait);
        }
    }

    static String env(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null ? otherwise : value;
    }

    /** A JSON string. A library of yours does this better. */
    static String quoted(String text) {
        var out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            out.append(c == '"' || c == '\\' || c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
        }
        return out.append('"').toString();
    }

    public static void main(String[] args) throws InterruptedException {
        String order = args[0], to = args[1], name = args[2];
        String message = """
            {"template":"TX_1234","recipients":[{"to":%s,"name":%s,"variables":{"주문번호":%s}}],"reference":%s}
            """.formatted(quoted(to), quoted(name), quoted(order), quoted(order));
        System.out.println(send(message, "order-received-" + order)); // of the business event, not of the attempt
    }
}
