// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/recorder_properties.h"

#include "store/uri.h"

namespace checkpoint {

namespace {

enum Property : guint {
  kJobId = kFirstRecorderProperty,
  kStage,
  kStageIndex,
  kParentId,
  kFrameStore,
  kMetadataStore,
  kVideoPath,
  kProfileName,
  kScenario,
  kStageOutputKey,
  kConfigOverrides,
  kConfigSnapshot,
  kStageStats,
  kFilteredSequences,
  kCodec,
  kPackSize,
  kCommitInterval,
  kMaxSizeBytes,
  kMaxSizeBuffers,
  kMaxSizeTime,
  kLeaky,
  kCommitTimeout,
  kStopTimeout,
  kPostMessages,
  kStrictMetas,
  kResume,
  kSpool,
  kSpoolSize,
};

GType codec_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Codec::kNone), "Stored as they are", "none"},
      {static_cast<int>(Codec::kLz4), "LZ4: fast, about half the size", "lz4"},
      {static_cast<int>(Codec::kZstd), "Zstandard level -1: half of the size or less", "zstd"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static("GstCheckpointCodec", values);
  return type;
}

GType leaky_type() {
  static const GEnumValue values[] = {
      {static_cast<int>(Leaky::kNo), "Not leaky: the stream waits", "no"},
      {static_cast<int>(Leaky::kUpstream), "Leaky on upstream: new frames are dropped", "upstream"},
      {static_cast<int>(Leaky::kDownstream), "Leaky on downstream: old frames are dropped",
       "downstream"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static("GstCheckpointLeaky", values);
  return type;
}

constexpr GParamFlags kFlags =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);

void set_text(std::string &target, const GValue *value) {
  const gchar *text = g_value_get_string(value);
  target = text ? text : "";
}

void get_text(GValue *value, const std::string &text) {
  g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

}  // namespace

void install_recorder_properties(GObjectClass *klass) {
  auto text = [&](guint id, const char *name, const char *nick, const char *blurb) {
    g_object_class_install_property(klass, id,
                                    g_param_spec_string(name, nick, blurb, nullptr, kFlags));
  };
  auto number = [&](guint id, const char *name, const char *nick, const char *blurb,
                    guint64 value) {
    g_object_class_install_property(
        klass, id, g_param_spec_uint64(name, nick, blurb, 0, G_MAXUINT64, value, kFlags));
  };
  auto milliseconds = [&](guint id, const char *name, const char *nick, const char *blurb,
                          guint least, guint value) {
    g_object_class_install_property(
        klass, id, g_param_spec_uint(name, nick, blurb, least, G_MAXUINT, value, kFlags));
  };
  const RecorderSettings defaults;
  text(kJobId, "job-id", "Job id",
       "The video that is worked on (default: from a checkpointsrc upstream, the context "
       "gst.checkpoint.job, or "
       "$GST_CHECKPOINT_JOB_ID)");
  text(kStage, "stage", "Stage", "Name of this stage boundary (required)");
  g_object_class_install_property(
      klass, kStageIndex,
      g_param_spec_int("stage-index", "Stage index",
                       "Order of the stage (-1 = the parent's + 1, or 0)", -1, G_MAXINT, -1,
                       kFlags));
  text(kParentId, "parent-id", "Parent id",
       "Id of the checkpoint that this stage is run from (default: from a checkpointsrc upstream)");
  text(kFrameStore, "frame-store", "Frame store",
       "Where frames go: a folder or file:// URI, s3://bucket/prefix, memory://name (default: "
       "$GST_CHECKPOINT_FRAME_STORE, else a folder under "
       "$XDG_DATA_HOME)");
  text(kMetadataStore, "metadata-store", "Metadata store",
       "Where everything else goes: a file or sqlite:// URI, postgresql:// URI, memory://name "
       "(default: "
       "$GST_CHECKPOINT_METADATA_STORE, else "
       "a file under $XDG_DATA_HOME)");
  text(kVideoPath, "video-path", "Video path",
       "Where the video came from (default: from upstream)");
  text(kProfileName, "profile-name", "Profile name",
       "Name of the set of settings in use; kept as given");
  text(kScenario, "scenario", "Scenario",
       "Label of the scenario that this is part of; may be empty (unset = that of a checkpointsrc "
       "upstream, else the base)");
  text(kStageOutputKey, "stage-output-key", "Stage output key",
       "Where else this stage put its results; kept as given");
  text(kConfigOverrides, "config-overrides", "Config overrides",
       "The settings that were overridden: one JSON object, or @ and the path of a file");
  text(kConfigSnapshot, "config-snapshot", "Config snapshot",
       "All settings as they were resolved: one JSON object, or @ and the path of a file");
  text(kStageStats, "stage-stats", "Stage stats",
       "What this stage tells about its work: one JSON object, or @ and the path of a file");
  text(kFilteredSequences, "filtered-frame-sequences", "Filtered frame sequences",
       "The frames that this stage lets through: a JSON array of sequences, or @ and the path of a "
       "file (unset = those that arrive)");
  g_object_class_install_property(
      klass, kCodec,
      g_param_spec_enum("codec", "Codec", "Lossless compression of raw frames", codec_type(),
                        static_cast<int>(defaults.writer.codec), kFlags));
  number(kPackSize, "pack-size", "Pack size",
         "Bytes of frames in one object (0 = one object per frame)", defaults.writer.pack_size);
  milliseconds(kCommitInterval, "commit-interval", "Commit interval",
               "Milliseconds after which a frame is made durable although its pack is not full", 1,
               static_cast<guint>(defaults.writer.commit_interval.count()));
  number(kMaxSizeBytes, "max-size-bytes", "Max. size (B)",
         "Bytes of frames that wait to be stored (0 = no limit)", defaults.writer.max_bytes);
  number(kMaxSizeBuffers, "max-size-buffers", "Max. size (buffers)",
         "Frames that wait to be stored (0 = no limit)", defaults.writer.max_buffers);
  number(kMaxSizeTime, "max-size-time", "Max. size (ns)",
         "Nanoseconds of frames that wait to be stored (0 = no limit)", defaults.writer.max_time);
  g_object_class_install_property(
      klass, kLeaky,
      g_param_spec_enum("leaky", "Leaky", "Where frames are dropped when too many wait",
                        leaky_type(), static_cast<int>(defaults.writer.leaky), kFlags));
  milliseconds(kCommitTimeout, "commit-timeout", "Commit timeout",
               "Milliseconds after EOS by which all has to be durable, else an error", 1,
               defaults.commit_timeout_ms);
  milliseconds(kStopTimeout, "stop-timeout", "Stop timeout",
               "Milliseconds for making frames durable when stopped without EOS (0 = none are)", 0,
               defaults.stop_timeout_ms);
  g_object_class_install_property(
      klass, kPostMessages,
      g_param_spec_boolean("post-messages", "Post messages",
                           "Post a message for each commit and progress messages",
                           defaults.post_messages, kFlags));
  g_object_class_install_property(
      klass, kStrictMetas,
      g_param_spec_boolean("strict-metas", "Strict metas",
                           "A meta that can't be kept is an error; else it is left out, counted in "
                           "the statistics and warned of once per type",
                           defaults.strict_metas, kFlags));
  g_object_class_install_property(
      klass, kResume,
      g_param_spec_boolean(
          "resume", "Resume",
          "Go on with the newest version, if it is partial: what it has is expected "
          "again and compared, the rest is stored",
          defaults.resume, kFlags));
  text(kSpool, "spool", "Spool",
       "A folder on a local disk: what comes goes there first, and from there to the stores, which "
       "may be away meanwhile (unset = none)");
  number(kSpoolSize, "spool-size", "Spool size",
         "Bytes that the spool may take before upstream waits (0 = no limit)", defaults.spool_size);
  S3Properties::install(klass);
  gst_type_mark_as_plugin_api(codec_type(), static_cast<GstPluginAPIFlags>(0));
  gst_type_mark_as_plugin_api(leaky_type(), static_cast<GstPluginAPIFlags>(0));
}

bool set_recorder_property(RecorderSettings &s, guint id, const GValue *value) {
  switch (id) {
    case kJobId:
      set_text(s.job_id, value);
      return true;
    case kStage:
      set_text(s.stage, value);
      return true;
    case kStageIndex:
      s.stage_index = g_value_get_int(value);
      return true;
    case kParentId:
      set_text(s.parent_id, value);
      return true;
    case kFrameStore:
      set_text(s.frame_store, value);
      return true;
    case kMetadataStore:
      set_text(s.metadata_store, value);
      return true;
    case kVideoPath:
      set_text(s.video_path, value);
      return true;
    case kProfileName:
      set_text(s.profile_name, value);
      return true;
    case kScenario:
      s.scenario.reset();
      if (g_value_get_string(value)) s.scenario = g_value_get_string(value);
      return true;
    case kStageOutputKey:
      set_text(s.stage_output_key, value);
      return true;
    case kConfigOverrides:
      set_text(s.config_overrides, value);
      return true;
    case kConfigSnapshot:
      set_text(s.config_snapshot, value);
      return true;
    case kStageStats:
      set_text(s.stage_stats, value);
      return true;
    case kFilteredSequences:
      set_text(s.filtered_sequences, value);
      return true;
    case kCodec:
      s.writer.codec = static_cast<Codec>(g_value_get_enum(value));
      return true;
    case kPackSize:
      s.writer.pack_size = g_value_get_uint64(value);
      return true;
    case kCommitInterval:
      s.writer.commit_interval = std::chrono::milliseconds(g_value_get_uint(value));
      return true;
    case kMaxSizeBytes:
      s.writer.max_bytes = g_value_get_uint64(value);
      return true;
    case kMaxSizeBuffers:
      s.writer.max_buffers = g_value_get_uint64(value);
      return true;
    case kMaxSizeTime:
      s.writer.max_time = g_value_get_uint64(value);
      return true;
    case kLeaky:
      s.writer.leaky = static_cast<Leaky>(g_value_get_enum(value));
      return true;
    case kCommitTimeout:
      s.commit_timeout_ms = g_value_get_uint(value);
      return true;
    case kStopTimeout:
      s.stop_timeout_ms = g_value_get_uint(value);
      return true;
    case kPostMessages:
      s.post_messages = g_value_get_boolean(value);
      return true;
    case kStrictMetas:
      s.strict_metas = g_value_get_boolean(value);
      return true;
    case kResume:
      s.resume = g_value_get_boolean(value);
      return true;
    case kSpool:
      set_text(s.spool, value);
      return true;
    case kSpoolSize:
      s.spool_size = g_value_get_uint64(value);
      return true;
    default:
      return s.s3.set(id, value);
  }
}

bool get_recorder_property(const RecorderSettings &s, guint id, GValue *value) {
  switch (id) {
    case kJobId:
      get_text(value, s.job_id);
      return true;
    case kStage:
      get_text(value, s.stage);
      return true;
    case kStageIndex:
      g_value_set_int(value, s.stage_index);
      return true;
    case kParentId:
      get_text(value, s.parent_id);
      return true;
    // A password that was put into a URI does not come out again.
    case kFrameStore:
      get_text(value, mask_uri(s.frame_store));
      return true;
    case kMetadataStore:
      get_text(value, mask_uri(s.metadata_store));
      return true;
    case kVideoPath:
      get_text(value, mask_uri(s.video_path));
      return true;
    case kProfileName:
      get_text(value, s.profile_name);
      return true;
    case kScenario:
      g_value_set_string(value, s.scenario ? s.scenario->c_str() : nullptr);
      return true;
    case kStageOutputKey:
      get_text(value, s.stage_output_key);
      return true;
    case kConfigOverrides:
      get_text(value, s.config_overrides);
      return true;
    case kConfigSnapshot:
      get_text(value, s.config_snapshot);
      return true;
    case kStageStats:
      get_text(value, s.stage_stats);
      return true;
    case kFilteredSequences:
      get_text(value, s.filtered_sequences);
      return true;
    case kCodec:
      g_value_set_enum(value, static_cast<int>(s.writer.codec));
      return true;
    case kPackSize:
      g_value_set_uint64(value, s.writer.pack_size);
      return true;
    case kCommitInterval:
      g_value_set_uint(value, static_cast<guint>(s.writer.commit_interval.count()));
      return true;
    case kMaxSizeBytes:
      g_value_set_uint64(value, s.writer.max_bytes);
      return true;
    case kMaxSizeBuffers:
      g_value_set_uint64(value, s.writer.max_buffers);
      return true;
    case kMaxSizeTime:
      g_value_set_uint64(value, s.writer.max_time);
      return true;
    case kLeaky:
      g_value_set_enum(value, static_cast<int>(s.writer.leaky));
      return true;
    case kCommitTimeout:
      g_value_set_uint(value, s.commit_timeout_ms);
      return true;
    case kStopTimeout:
      g_value_set_uint(value, s.stop_timeout_ms);
      return true;
    case kPostMessages:
      g_value_set_boolean(value, s.post_messages);
      return true;
    case kStrictMetas:
      g_value_set_boolean(value, s.strict_metas);
      return true;
    case kResume:
      g_value_set_boolean(value, s.resume);
      return true;
    case kSpool:
      get_text(value, s.spool);
      return true;
    case kSpoolSize:
      g_value_set_uint64(value, s.spool_size);
      return true;
    default:
      return s.s3.get(id, value);
  }
}

void install_recorder_signals(GType type, GCallback handler) {
  g_signal_new_class_handler("checkpoint-now", type,
                             static_cast<GSignalFlags>(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
                             handler, nullptr, nullptr, nullptr, G_TYPE_UINT64, 0);
}

void add_recorder_stats(GstStructure *structure, const Recorder &recorder) {
  const WriterStats s = recorder.stats();
  gst_structure_set(
      structure, "frames-in", G_TYPE_UINT64, s.frames_in, "frames-dropped", G_TYPE_UINT64,
      s.frames_dropped, "frames-stored", G_TYPE_UINT64, s.frames_stored, "frames-reused",
      G_TYPE_UINT64, s.frames_reused, "bytes-new", G_TYPE_UINT64, s.bytes_new, "bytes-reused",
      G_TYPE_UINT64, s.bytes_reused, "bytes-put", G_TYPE_UINT64, s.bytes_put, "packs",
      G_TYPE_UINT64, s.packs, "commits", G_TYPE_UINT64, s.commits, "queued-bytes", G_TYPE_UINT64,
      s.queued_bytes, "queued-frames", G_TYPE_UINT64, s.queued_frames, "retries", G_TYPE_UINT64,
      s.retries, "frames-ambiguous", G_TYPE_UINT64, s.frames_ambiguous, "frames-unmatched",
      G_TYPE_UINT64, s.frames_unmatched, "frames-compared", G_TYPE_UINT64, s.frames_compared,
      "frames-spooled", G_TYPE_UINT64, s.frames_spooled, nullptr);
  StructurePtr left_out(gst_structure_new_empty("application/x-gst-checkpoint-metas-left-out"));
  for (const auto &[type, count] : recorder.metas_left_out())
    gst_structure_set(left_out.get(), type.c_str(), G_TYPE_UINT64, count, nullptr);
  gst_structure_set(structure, "metas-left-out", GST_TYPE_STRUCTURE, left_out.get(), nullptr);
}

}  // namespace checkpoint
