export const PERMISSIONS = {
  "case-mgmt": {
    "add_note": [
      "agent",
      "supervisor"
    ],
    "export_cases": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "follow_changes": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_case": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_counts": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_reply": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_cases": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_dead_letters": [
      "administrator",
      "operations"
    ],
    "list_here": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_parked_events": [
      "administrator",
      "operations"
    ],
    "replay_dead_letter": [
      "administrator",
      "operations"
    ],
    "replay_parked_event": [
      "administrator",
      "operations"
    ],
    "send_reply": [
      "agent",
      "supervisor"
    ],
    "set_here": [
      "agent",
      "supervisor"
    ],
    "set_status": [
      "agent",
      "supervisor"
    ]
  },
  "customer-profile": {
    "export_customers": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "follow_changes": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_counts": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_customer": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "link_identifier": [
      "agent",
      "supervisor"
    ],
    "list_conflicts": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_customers": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_dead_letters": [
      "administrator",
      "operations"
    ],
    "list_parked_events": [
      "administrator",
      "operations"
    ],
    "list_timeline": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "replay_dead_letter": [
      "administrator",
      "operations"
    ],
    "replay_parked_event": [
      "administrator",
      "operations"
    ],
    "unlink_identifier": [
      "supervisor"
    ],
    "update_customer": [
      "agent",
      "supervisor"
    ]
  },
  "desktop": {
    "create_api_key": [
      "administrator"
    ],
    "list_api_keys": [
      "administrator"
    ],
    "revoke_api_key": [
      "administrator"
    ]
  },
  "ingest-direct": {
    "download_attachment": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "follow_replies": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_counts": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_interaction": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_reply": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_dead_letters": [
      "administrator",
      "operations"
    ],
    "list_interactions": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_parked_events": [
      "administrator",
      "operations"
    ],
    "list_replies": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "note_interaction": [
      "administrator",
      "agent",
      "integration",
      "operations",
      "supervisor"
    ],
    "replay_dead_letter": [
      "administrator",
      "operations"
    ],
    "replay_parked_event": [
      "administrator",
      "operations"
    ],
    "report_reply_failed": [
      "agent",
      "integration",
      "supervisor"
    ],
    "report_reply_sent": [
      "agent",
      "integration",
      "supervisor"
    ],
    "upload_attachment": [
      "administrator",
      "agent",
      "integration",
      "operations",
      "supervisor"
    ]
  },
  "ingest-email": {
    "check_connection": [
      "administrator",
      "operations"
    ],
    "download_attachment": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "download_mail": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_counts": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_mail": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_reply": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_connections": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_dead_letters": [
      "administrator",
      "operations"
    ],
    "list_mails": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_parked_events": [
      "administrator",
      "operations"
    ],
    "replay_dead_letter": [
      "administrator",
      "operations"
    ],
    "replay_parked_event": [
      "administrator",
      "operations"
    ],
    "set_connection_secret": [
      "administrator",
      "operations"
    ]
  },
  "ingest-social": {
    "check_connection": [
      "administrator",
      "operations"
    ],
    "download_attachment": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_counts": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_post_detail": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_reply": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_connections": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_dead_letters": [
      "administrator",
      "operations"
    ],
    "list_parked_events": [
      "administrator",
      "operations"
    ],
    "list_posts": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_streams": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "replay_dead_letter": [
      "administrator",
      "operations"
    ],
    "replay_parked_event": [
      "administrator",
      "operations"
    ],
    "set_connection_secret": [
      "administrator",
      "operations"
    ],
    "split_reply": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ]
  },
  "routing": {
    "accept_offer": [
      "agent"
    ],
    "approve_publication": [
      "administrator",
      "operations"
    ],
    "assign_work": [
      "supervisor"
    ],
    "begin_shadow": [
      "administrator",
      "operations"
    ],
    "begin_trial": [
      "administrator",
      "operations"
    ],
    "check_configuration": [
      "administrator",
      "operations"
    ],
    "compare_draft": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "compare_versions": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "complete_work": [
      "agent",
      "supervisor"
    ],
    "create_draft": [
      "administrator",
      "operations"
    ],
    "decline_offer": [
      "agent"
    ],
    "discard_draft": [
      "administrator",
      "operations"
    ],
    "end_publication": [
      "administrator",
      "operations"
    ],
    "end_shadow": [
      "administrator",
      "operations"
    ],
    "export_work": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "extend_offer": [
      "agent"
    ],
    "find_due_time": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "follow_changes": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "follow_live_state": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_attainment": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_calendar_year": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_configuration": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_configuration_schema": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_counts": [
      "administrator",
      "agent",
      "integration",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_draft": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_live_state": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_own_agent": [
      "agent"
    ],
    "get_publication": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_reconciliation": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_rule_counts": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_shadow": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_trial": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_version": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_work": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "get_work_counts": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_agents": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_case_clocks": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_colleagues": [
      "agent",
      "supervisor"
    ],
    "list_condition_fields": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_dead_letters": [
      "administrator",
      "operations"
    ],
    "list_draft_warnings": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_drafts": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_own_offers": [
      "agent"
    ],
    "list_parked_events": [
      "administrator",
      "operations"
    ],
    "list_publications": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_queues": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_shadow_items": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_shadows": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_stuck_work": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_trial_items": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_trials": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_versions": [
      "administrator",
      "manager",
      "operations",
      "supervisor"
    ],
    "list_work": [
      "administrator",
      "agent",
      "manager",
      "operations",
      "supervisor"
    ],
    "pick_work": [
      "agent"
    ],
    "prioritise_work": [
      "supervisor"
    ],
    "publish_draft": [
      "administrator",
      "operations"
    ],
    "replace_configuration": [
      "administrator",
      "operations"
    ],
    "replay_dead_letter": [
      "administrator",
      "operations"
    ],
    "replay_parked_event": [
      "administrator",
      "operations"
    ],
    "restore_previous_version": [
      "administrator",
      "operations"
    ],
    "save_draft": [
      "administrator",
      "operations"
    ],
    "send_heartbeat": [
      "agent"
    ],
    "set_agent_presence": [
      "supervisor"
    ],
    "set_own_presence": [
      "agent"
    ],
    "set_queue_state": [
      "administrator",
      "operations",
      "supervisor"
    ],
    "stop_trial": [
      "administrator",
      "operations"
    ],
    "take_back_work": [
      "supervisor"
    ],
    "take_next_work": [
      "agent"
    ],
    "transfer_work": [
      "agent",
      "supervisor"
    ],
    "try_condition": [
      "administrator",
      "operations",
      "supervisor"
    ],
    "widen_publication": [
      "administrator",
      "operations"
    ]
  }
} as const
