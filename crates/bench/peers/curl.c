/* libcurl's multi interface: so many GETs, so many at a time; its figures as JSON. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct body {
    char *bytes;
    size_t length, room;
};

static size_t append(char *bytes, size_t size, size_t count, void *to)
{
    struct body *body = to;
    size_t length = size * count;
    if (body->length + length > body->room) {
        body->room = 2 * (body->length + length);
        body->bytes = realloc(body->bytes, body->room);
        if (!body->bytes)
            return 0;
    }
    memcpy(body->bytes + body->length, bytes, length);
    body->length += length;
    return length;
}

static void fail(const char *why)
{
    fprintf(stderr, "curl: %s\n", why);
    exit(1);
}

static void settle(CURLMsg *message, size_t expected)
{
    struct body *body;
    if (message->data.result != CURLE_OK)
        fail(curl_easy_strerror(message->data.result));
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&body);
    if (body->length != expected)
        fail("a body of another length");
    body->length = 0;
}

static void fetch(CURLM *multi, CURL **handles, long in_flight, long requests, size_t expected)
{
    long begun = 0, ended = 0;
    int running, left;
    CURLMsg *message;
    for (; begun < in_flight && begun < requests; begun++)
        curl_multi_add_handle(multi, handles[begun]);
    while (ended < requests) {
        curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &left))) {
            CURL *handle = message->easy_handle;
            settle(message, expected);
            curl_multi_remove_handle(multi, handle);
            ended++;
            if (begun < requests) {
                curl_multi_add_handle(multi, handle);
                begun++;
            }
        }
        if (ended < requests)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

static long long nanoseconds(struct timeval time)
{
    return time.tv_sec * 1000000000LL + time.tv_usec * 1000LL;
}

int main(int count, char **words)
{
    struct rusage before, after;
    struct timespec begun, ended;
    CURLM *multi;
    CURL **handles;
    long body, warm_up, requests, in_flight;
    if (count < 6)
        fail("URL BODY WARM-UP REQUESTS IN-FLIGHT");
    body = atol(words[2]);
    warm_up = atol(words[3]);
    requests = atol(words[4]);
    in_flight = atol(words[5]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, in_flight);
    handles = calloc(in_flight, sizeof *handles);
    for (long at = 0; at < in_flight; at++) {
        handles[at] = curl_easy_init();
        curl_easy_setopt(handles[at], CURLOPT_URL, words[1]);
        curl_easy_setopt(handles[at], CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handles[at], CURLOPT_WRITEFUNCTION, append);
        struct body *into = calloc(1, sizeof *into);
        curl_easy_setopt(handles[at], CURLOPT_WRITEDATA, into);
        curl_easy_setopt(handles[at], CURLOPT_PRIVATE, into);
    }
    fetch(multi, handles, in_flight, warm_up, body);
    getrusage(RUSAGE_SELF, &before);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    fetch(multi, handles, in_flight, requests, body);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    getrusage(RUSAGE_SELF, &after);
    printf("{\"wall_ns\":%lld,\"user_ns\":%lld,\"system_ns\":%lld,\"peak\":%lld}\n",
           (ended.tv_sec - begun.tv_sec) * 1000000000LL + ended.tv_nsec - begun.tv_nsec,
           nanoseconds(after.ru_utime) - nanoseconds(before.ru_utime),
           nanoseconds(after.ru_stime) - nanoseconds(before.ru_stime),
           after.ru_maxrss * 1024LL);
    return 0;
}
