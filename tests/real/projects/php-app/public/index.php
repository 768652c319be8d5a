<?php
require __DIR__ . '/../src/Book.php';
header('Content-Type: text/plain');
$book = new Guest\Book(__DIR__ . '/../cache/data/guests');
$book->sign($_GET['name'] ?? 'nobody');
echo getenv('APP_ENV'), ': ', implode(', ', $book->guests()), "\n";
