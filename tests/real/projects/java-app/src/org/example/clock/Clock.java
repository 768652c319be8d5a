package org.example.clock;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

public final class Clock {
    public static void main(String[] arguments) throws IOException {
        String name = new String(Clock.class.getResourceAsStream("/name.txt").readAllBytes(), StandardCharsets.UTF_8).strip();
        if (arguments.length > 0) {
            System.out.println(name + " on Java " + Runtime.version().feature());
            return;
        }
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> {
            byte[] body = new Answer(name, System.getProperty("user.name")).toString().getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
