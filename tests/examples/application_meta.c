/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An application with a meta of its own: how fast a camera moves. It stores a few frames with
 * checkpointsink, plays them back and prints what came with them.
 *
 *     application_meta FOLDER
 */
#include <gst/app/app.h>
#include <gst/checkpoint/gstcheckpointmeta.h>
#include <gst/gst.h>
#include <string.h>

#define FRAMES 5

/* --- the meta, as any application makes one */

typedef struct {
  GstMeta meta;
  gdouble speed; /* metres a second */
} SpeedMeta;

static gboolean speed_meta_init(GstMeta *meta, gpointer params, GstBuffer *buffer) {
  (void)params;
  (void)buffer;
  ((SpeedMeta *)meta)->speed = 0;
  return TRUE;
}

static GType speed_meta_api(void) {
  static gsize type = 0;
  if (g_once_init_enter(&type)) {
    const gchar *tags[] = {NULL};
    g_once_init_leave(&type, gst_meta_api_type_register("ExampleSpeedMetaAPI", tags));
  }
  return type;
}

static const GstMetaInfo *speed_meta_info(void) {
  static const GstMetaInfo *info = NULL;
  if (g_once_init_enter(&info)) {
    const GstMetaInfo *made = gst_meta_register(speed_meta_api(), "ExampleSpeedMeta",
                                                sizeof(SpeedMeta), speed_meta_init, NULL, NULL);
    g_once_init_leave(&info, made);
  }
  return info;
}

static void add_speed(GstBuffer *buffer, gdouble speed) {
  ((SpeedMeta *)gst_buffer_add_meta(buffer, speed_meta_info(), NULL))->speed = speed;
}

/* --- its codec: a version, and the number as text, which no byte order changes */

#define SPEED_VERSION 1

static gboolean encode_speed(const GstMeta *meta, GByteArray *bytes, gpointer user_data) {
  (void)user_data;
  const guint8 version = SPEED_VERSION;
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_dtostr(text, sizeof text, ((const SpeedMeta *)meta)->speed);
  g_byte_array_append(bytes, &version, 1);
  g_byte_array_append(bytes, (const guint8 *)text, (guint)strlen(text));
  return TRUE;
}

static gboolean decode_speed(GstBuffer *buffer, const guint8 *bytes, gsize size,
                             gpointer user_data) {
  (void)user_data;
  if (size < 2 || size > G_ASCII_DTOSTR_BUF_SIZE || bytes[0] != SPEED_VERSION) return FALSE;
  gchar *text = g_strndup((const gchar *)bytes + 1, size - 1);
  gchar *end = NULL;
  const gdouble speed = g_ascii_strtod(text, &end);
  const gboolean good = end != text && *end == '\0';
  g_free(text);
  if (good) add_speed(buffer, speed);
  return good;
}

static const GstCheckpointMetaCodec speed_codec = {encode_speed, decode_speed, NULL};

/* --- the application */

static GstElement *start(const gchar *line, const gchar *folder) {
  gchar *frames = g_build_filename(folder, "frames", NULL);
  gchar *metadata = g_build_filename(folder, "checkpoints.db", NULL);
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch(line, &error);
  if (!pipeline || error) g_error("%s", error ? error->message : line);
  GstElement *store = gst_bin_get_by_name(GST_BIN(pipeline), "store");
  g_object_set(store, "job-id", "street", "stage", "drive", "frame-store", frames, "metadata-store",
               metadata, NULL);
  gst_object_unref(store);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_free(frames);
  g_free(metadata);
  return pipeline;
}

/* TRUE: it ran to its end, and nothing was warned of. */
static gboolean end(GstElement *pipeline) {
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered(
      bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING | GST_MESSAGE_EOS);
  const gboolean good = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
  if (!good) {
    gchar *text = gst_structure_to_string(gst_message_get_structure(message));
    g_printerr("%s\n", text);
    g_free(text);
  }
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return good;
}

static gboolean store(const gchar *folder) {
  GstElement *pipeline = start(
      "appsrc name=frames format=time "
      "caps=video/x-raw,format=GRAY8,width=16,height=16,framerate=5/1"
      " ! checkpointsink name=store strict-metas=true",
      folder);
  GstElement *source = gst_bin_get_by_name(GST_BIN(pipeline), "frames");
  for (guint i = 0; i < FRAMES; i++) {
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, 16 * 16, NULL);
    gst_buffer_memset(buffer, 0, (guint8)i, 16 * 16);
    GST_BUFFER_PTS(buffer) = i * GST_SECOND / 5;
    add_speed(buffer, 0.1 * i);
    gst_app_src_push_buffer(GST_APP_SRC(source), buffer);
  }
  gst_app_src_end_of_stream(GST_APP_SRC(source));
  gst_object_unref(source);
  return end(pipeline);
}

static gboolean play(const gchar *folder) {
  GstElement *pipeline = start("checkpointsrc name=store ! appsink name=frames sync=false", folder);
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "frames");
  guint count = 0;
  gboolean good = TRUE;
  GstSample *sample;
  while ((sample = gst_app_sink_pull_sample(GST_APP_SINK(sink)))) {
    GstMeta *meta = gst_buffer_get_meta(gst_sample_get_buffer(sample), speed_meta_api());
    if (meta) g_print("frame %u: %.1f m/s\n", count, ((SpeedMeta *)meta)->speed);
    good = good && meta && ((SpeedMeta *)meta)->speed == 0.1 * count;
    gst_sample_unref(sample);
    count++;
  }
  gst_object_unref(sink);
  return end(pipeline) && good && count == FRAMES;
}

int main(int argc, char **argv) {
  gst_init(&argc, &argv);
  if (argc != 2) {
    g_printerr("usage: application_meta FOLDER\n");
    return 2;
  }
  gst_checkpoint_meta_set_codec(speed_meta_api(), &speed_codec);
  return store(argv[1]) && play(argv[1]) ? 0 : 1;
}
