#include "turn.h"

#include <stdio.h>

int main(int count, char **words) {
    for (int index = 1; index < count; index++) {
        turn(words[index]);
        puts(words[index]);
    }
}
