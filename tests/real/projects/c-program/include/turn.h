#pragma once

/* Turns a text around, in place. */
void turn(char *text);
