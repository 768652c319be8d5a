package org.example.clock;

record Answer(String name, String user) {}
