import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;

/**
 * A ferry observer in Java 11 and later, without any library: subscribes to the
 * jobs of a server and prints each event once.
 *
 *     java Observer.java [http://127.0.0.1:40001 [PORT]]
 *
 * With FERRY_SECRET=whsec_... ({@code ferry subscriptions secret ID}) it takes
 * only what is signed with it.  What a real one adds: keep {@code last} on disk,
 * with the work that an event causes, in one transaction.
 */
public class Observer {
    static final String ISC = "urn:Aspera:XML:IScpTransferNET:2006/04:Types";
    static final String SECRET =
        System.getenv().getOrDefault("FERRY_SECRET", "");
    /** Sequence of the newest event that was dealt with. */
    static long last = 0;

    static String envelope(String content) {
        return "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"http://schemas."
            + "xmlsoap.org/soap/envelope/\"><e:Body>" + content
            + "</e:Body></e:Envelope>";
    }

    static Element parse(byte[] xml) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
        factory.setFeature(
            "http://apache.org/xml/features/disallow-doctype-decl", true);
        factory.setNamespaceAware(true);
        return factory.newDocumentBuilder()
            .parse(new ByteArrayInputStream(xml)).getDocumentElement();
    }

    static String text(Element element, String namespace, String name) {
        return element.getElementsByTagNameNS(namespace, name).item(0)
            .getTextContent();
    }

    static boolean isSigned(HttpExchange exchange, byte[] body)
        throws Exception {
        String time = exchange.getRequestHeaders().getFirst("webhook-timestamp");
        String sent = exchange.getRequestHeaders().getFirst("webhook-signature");
        String id = exchange.getRequestHeaders().getFirst("webhook-id");
        if (time == null || sent == null || id == null
            || Math.abs(System.currentTimeMillis() / 1000
                        - Long.parseLong(time)) > 300)
            return false;
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(Base64.getDecoder().decode(
            SECRET.replaceFirst("^whsec_", "")), "HmacSHA256"));
        mac.update((id + "." + time + ".").getBytes(StandardCharsets.UTF_8));
        byte[] expected = ("v1," + Base64.getEncoder().encodeToString(
            mac.doFinal(body))).getBytes(StandardCharsets.UTF_8);
        for (String one : sent.split(" "))
            if (MessageDigest.isEqual(
                    expected, one.getBytes(StandardCharsets.UTF_8)))
                return true;
        return false;
    }

    static synchronized String take(byte[] body) throws Exception {
        Element envelope = parse(body);
        String kind = "SubscriptionNotify";
        if (envelope.getElementsByTagNameNS(ISC, "NotifyRequest").getLength()
            > 0) {
            kind = "Notify";
            long sequence = Long.parseLong(text(envelope, "*", "Sequence"));
            if (sequence > last) { // at least once, in order: the rest repeats
                Element job = (Element) envelope
                    .getElementsByTagName("Job").item(0);
                System.out.println(sequence + " "
                    + text(envelope, "*", "Topic") + " " + text(job, ISC, "ID"));
                last = sequence;
            }
        }
        return envelope("<n:" + kind + "Response xmlns:n=\"" + ISC + "\"/>");
    }

    static void handle(HttpExchange exchange) throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        exchange.getRequestBody().transferTo(body);
        int status = 200;
        byte[] answer = new byte[0];
        try {
            if (!SECRET.isEmpty() && !isSigned(exchange, body.toByteArray()))
                status = 401;
            else
                answer = take(body.toByteArray())
                    .getBytes(StandardCharsets.UTF_8);
        } catch (Exception failure) {
            System.err.println(failure);
            status = 500; // it comes again
        }
        exchange.getResponseHeaders()
            .set("Content-Type", "text/xml; charset=utf-8");
        exchange.sendResponseHeaders(status,
                                     answer.length == 0 ? -1 : answer.length);
        exchange.getResponseBody().write(answer);
        exchange.close();
    }

    public static void main(String[] arguments) throws Exception {
        String server =
            arguments.length > 0 ? arguments[0] : "http://127.0.0.1:40001";
        int port = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 0;
        HttpServer observer = HttpServer.create(new InetSocketAddress(
            InetAddress.getByName("127.0.0.1"), port), 0);
        observer.setExecutor(Executors.newCachedThreadPool());
        observer.createContext("/", Observer::handle);
        observer.start();
        String url =
            "http://127.0.0.1:" + observer.getAddress().getPort() + "/";
        byte[] answer = HttpClient.newHttpClient().send(
            HttpRequest.newBuilder(URI.create(
                server + "/services/soap/IScpTransferNET-200604"))
                .header("Content-Type", "text/xml; charset=utf-8")
                .POST(HttpRequest.BodyPublishers.ofString(envelope(
                    "<s:SubscribeRequest xmlns:s=\"" + ISC + "\"><JobID>0"
                    + "</JobID><JobObserver><Address>" + url + "</Address>"
                    + "</JobObserver></s:SubscribeRequest>")))
                .build(), BodyHandlers.ofByteArray()).body();
        System.err.println("subscribed " + text(parse(answer), ISC, "ID"));
    }
}
