<?php
namespace Guest;

final class Book
{
    public function __construct(private string $file) {}

    public function sign(string $name): void
    {
        file_put_contents($this->file, $name . "\n", FILE_APPEND | LOCK_EX);
    }

    public function guests(): array
    {
        return file($this->file, FILE_IGNORE_NEW_LINES);
    }
}
