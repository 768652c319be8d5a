#include "turn.h"

#include <string.h>

void turn(char *text) {
    for (size_t begin = 0, end = strlen(text); begin + 1 < end; begin++, end--) {
        char letter = text[begin];
        text[begin] = text[end - 1];
        text[end - 1] = letter;
    }
}
