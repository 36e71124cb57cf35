"""Which test tries the commands that neither PyMeasure's drivers nor test_every_command.py do, by model."""

from __future__ import annotations

__all__ = ["COVERED_ELSEWHERE"]

COVERED_ELSEWHERE: dict[str, dict[str, list[str]]] = {
    "E8257D": {
        "test_e8257d.py::test_level_above_what_can_be_levelled_is_flagged_and_not_reached": [
            "STATus:QUEStionable:POWer:CONDition?"
        ],
    },
    "Keithley2182A": {
        "test_keithley_2182a.py::test_there_is_nothing_to_fetch_before_a_reading": ["[SENSe#]:DATA:FRESh?"],
    },
    "LakeShore475": {
        "test_lakeshore_475.py::test_field_beyond_a_held_range_reads_full_scale_and_is_flagged": ["AUTO?", "RDGST?"],
        "test_lakeshore_475.py::test_reading_has_the_resolution_of_range_and_digits": ["RDGMODE"],
    },
    "SR830": {
        "test_sr830.py::test_noise_of_settled_readings_has_the_density_asked_for": ["OUTR?"],
        "test_sr830.py::test_three_ways_of_reading_the_buffer_agree": ["TRCA?", "TRCL?"],
        "test_sr830.py::test_what_the_model_does_not_do_is_an_error": ["OEXP"],
    },
    "SR865A": {
        "test_sr865a.py::test_capture_holds_the_filtered_values_at_each_sample_time": [
            "CAPTUREBYTES?",
            "CAPTUREPROG?",
            "CAPTURERATE",
            "CAPTURERATEMAX?",
            "CAPTURESTAT?",
        ],
        "test_sr865a.py::test_capture_takes_one_sample_for_each_trigger": ["CAPTUREVAL?"],
        "test_sr865a.py::test_input_beyond_the_range_clips_and_is_flagged_now_and_latched": ["CUROVLDSTAT?"],
        "test_sr865a.py::test_random_bytes_do_not_crash_it": ["APHS", "ARNG", "ASCL", "CAPTURESTOP"],
        "test_sr865a.py::test_sensitivity_counts_down_from_one_volt": ["LIAS?"],
        "test_sr865a.py::test_what_the_model_does_not_do_is_an_error": ["*CLS", "*ESR?", "CAPTUREGET?", "CAPTURESTART"],
    },
    "Keithley6221": {
        "test_keithley_6221.py::test_current_flows_within_the_compliance_while_the_output_is_on": [
            "[SOURce#]:CLEar[:IMMediate]"
        ],
        "test_bench_transport.py::test_delta_reads_last_and_fresh_readings_and_errs_without_one": [
            "SENSe#:DATA:FRESh?"
        ],
    },
    "Keithley2400": {
        "test_every_command.py::test_the_time_stamp_of_the_2400_begins_anew": ["SYSTem:TIME:RESet", "SYSTem:TIME?"],
        "test_keithley_2400.py::test_buffer_fills_and_requests_service": ["TRACe|DATA:POINts:ACTual?"],
        "test_keithley_2400.py::test_current_limit_of_the_voltage_source_holds": [
            "[SENSe#]:CURRent[:DC]:PROTection:TRIPped?"
        ],
        "test_keithley_2400.py::test_elements_are_sent_in_their_own_order": ["FORMat:ELEMents[:SENSe#]?"],
        "test_keithley_2400.py::test_safe_commands_switch_the_current_off": ["[SOURce#]:CLEar[:IMMediate]"],
        "test_keithley_2400.py::test_voltage_limit_holds_and_shows_in_status_and_query": [
            "STATus:MEASurement[:EVENt]?",
            "[SENSe#]:VOLTage[:DC]:PROTection:TRIPped?",
        ],
        "test_keithley_2400.py::test_what_the_model_refuses_is_an_error_and_changes_nothing": ["FETCh?"],
    },
    "N5222B": {
        "test_pna_n5222b.py::test_removed_channel_comes_back_with_its_defaults": ["SYSTem:CHANnels:DELete"],
        "test_pna_n5222b.py::test_abilities_are_told": ["SYSTem:CAPability:HARDware:PORTs:COUNt?"],
        "test_pna_n5222b.py::test_every_transfer_format_brings_what_the_receivers_saw": [
            "CALCulate#:PARameter:MODify:EXTended"
        ],
        "test_pna_n5222b.py::test_traces_by_name_and_by_number_are_the_same_ones": [
            "CALCulate#:PARameter:DELete[:NAME]",
            "CALCulate#:PARameter:MNUMber[:SELect]?",
            "CALCulate#:PARameter:SELect?",
            "DISPlay:WINDow#:TRACe#:FEED",
        ],
        "test_pna_n5222b.py::test_what_cannot_be_is_an_error_and_changes_nothing": [
            "CALCulate#:DATA?",
            "CALCulate#:PARameter:SELect",
            "CALCulate#:PARameter[:DEFine]:EXTended",
        ],
    },
    "RFPowerMeter": {
        "test_rf_power_meter.py::test_power_is_right_with_zero_and_the_factor_of_its_frequency": [
            "CALibration#:ZERO",
            "MEASure#[:SCALar][:POWer][:AC]?",
            "READ#[:SCALar][:POWer][:AC]?",
        ],
    },
    "RFSwitch": {
        "test_switch_box.py::test_cycles_count_closings_and_survive_a_reset": ["DIAGnostic:RELay:CYCLes?"],
        "test_switch_box.py::test_matrix_closes_any_and_understands_ranges": [
            "[ROUTe]:OPEN",
            "[ROUTe]:OPEN:ALL",
            "[ROUTe]:OPEN?",
        ],
        "test_switch_box.py::test_rf_switch_closes_one_channel_of_a_row": [
            "[ROUTe]:CLOSe",
            "[ROUTe]:CLOSe:STATe?",
            "[ROUTe]:CLOSe?",
        ],
    },
    "MatrixSwitch": {
        "test_switch_box.py::test_cycles_count_closings_and_survive_a_reset": ["DIAGnostic:RELay:CYCLes?"],
        "test_switch_box.py::test_matrix_closes_any_and_understands_ranges": [
            "[ROUTe]:OPEN",
            "[ROUTe]:OPEN:ALL",
            "[ROUTe]:OPEN?",
        ],
        "test_switch_box.py::test_rf_switch_closes_one_channel_of_a_row": [
            "[ROUTe]:CLOSe",
            "[ROUTe]:CLOSe:STATe?",
            "[ROUTe]:CLOSe?",
        ],
    },
    "PM100D": {
        "test_pm100d.py::test_fetch_gives_the_last_reading_again": ["FETCh?", "INITiate[:IMMediate]"],
        "test_pm100d.py::test_power_in_dbm": ["READ?"],
        "test_pm100d.py::test_zeroing_with_the_beam_blocked_removes_the_dark_reading": [
            "[SENSe]:CORRection:COLLect:ZERO:MAGNitude?",
            "[SENSe]:CORRection:COLLect:ZERO:STATe?",
            "[SENSe]:CORRection:COLLect:ZERO[:INITiate]",
        ],
    },
    "AMI430": {
        "test_ami_430.py::test_heating_the_switch_on_unequal_currents_quenches": ["QUench:COUNT?", "QUench?"],
        "test_ami_430.py::test_magnet_without_a_switch_refuses_its_heater": [
            "CONFigure:PSwitch[:INSTalled]",
            "PSwitch:INSTalled?",
        ],
        "test_ami_430.py::test_manual_ramps_and_zero_have_their_states": ["DECR", "INCR"],
        "test_ami_430.py::test_persistent_mode_keeps_the_field_while_the_supply_goes_to_zero": ["PERSistent?"],
        "test_ami_430.py::test_quench_refuses_to_ramp_until_it_is_cleared": ["QUench"],
        "test_ami_430.py::test_states_follow_a_ramp_from_pause_to_hold": ["VOLTage:MAGnet?"],
        "test_ami_430.py::test_units_change_what_is_sent_not_what_is_meant": ["CONFigure:FIELD:UNITS", "FIELD:UNITS?"],
    },
    "LakeShore336": {
        "test_lakeshore_336.py::test_bad_input_sets_its_bit_and_changes_nothing": ["PID?"],
        "test_lakeshore_336.py::test_input_without_a_sensor_is_an_invalid_reading": ["RDGST?"],
        "test_lakeshore_336.py::test_larger_gain_approaches_faster": ["PID"],
        "test_lakeshore_336.py::test_open_loop_heats_with_the_manual_output": ["OUTMODE", "OUTMODE?"],
        "test_lakeshore_336.py::test_setpoint_ramps_at_the_programmed_rate": ["RAMP", "RAMP?", "RAMPST?"],
        "test_lakeshore_336.py::test_temperature_limit_switches_the_heaters_off": ["TLIMIT", "TLIMIT?"],
    },
    "ESP301": {
        "test_esp301.py::test_backlash_compensation_arrives_from_one_side": ["BA#", "BA#?"],
        "test_esp301.py::test_bad_input_gives_the_error_of_the_model_and_changes_nothing": ["AC#?"],
        "test_esp301.py::test_end_of_travel_stops_the_axis_and_switches_its_motor_off": ["TB?"],
        "test_esp301.py::test_move_takes_the_time_of_its_profile": ["AC#", "DP#?", "PA#?", "TV#?"],
        "test_esp301.py::test_rotation_axes_move_in_degrees_beside_the_first": ["PR#"],
        "test_esp301.py::test_stop_and_abort_end_a_move_on_the_way": ["AB", "ST", "ST#"],
        "test_esp301.py::test_units_scale_all_that_is_sent": ["VU#?"],
        "test_esp301.py::test_version_says_simulated": ["ID#?", "VE?"],
        "test_esp301.py::test_wait_holds_back_what_follows": ["WS"],
    },
    "MC2000B": {
        "test_mc2000b.py::test_bad_input_is_answered_with_the_error_and_changes_nothing": ["BLADE?", "ENABLE?"],
        "test_mc2000b.py::test_command_is_echoed_without_an_answer": ["FREQ"],
        "test_mc2000b.py::test_phase_is_kept_while_the_wheel_runs": ["PHASE", "PHASE?"],
        "test_mc2000b.py::test_query_is_echoed_and_answered_before_the_prompt": ["FREQ?", "ID?"],
        "test_mc2000b.py::test_some_settings_change_in_standby_only": [
            "BLADE",
            "DHARMONIC",
            "NHARMONIC",
            "OUTPUT",
            "REF",
        ],
        "test_mc2000b.py::test_wheel_reaches_its_frequency_with_time_and_only_when_enabled": ["ENABLE", "REFOUTFREQ?"],
    },
    "LakeShore425": {
        "test_lakeshore_425.py::test_reading_has_the_steps_of_its_range": ["AUTO?"],
        "test_lakeshore_425.py::test_relative_reading_is_the_difference_to_its_setpoint": [
            "RDGREL?",
            "RELSP",
            "RELSP?",
        ],
    },
    "Shutter": {
        "test_shutter.py::test_blade_takes_its_time_and_opc_waits_for_it": ["SHUTter:MOVing?"],
    },
    "Attenuator": {
        "test_attenuator.py::test_stop_leaves_the_wheel_where_it_is": ["ATTenuation:STOP"],
        "test_attenuator.py::test_wheel_moves_at_finite_speed": ["ATTenuation:MOVing?", "ATTenuation:POSition?"],
    },
    "Interlock": {
        "test_interlock.py::test_contacts_are_told_one_by_one_and_as_bits": ["INPut:ALL?"],
        "test_interlock.py::test_what_was_open_stays_noted_until_cleared": [
            "INPut#:STATe?",
            "INPut:EVENt:CLEar",
            "INPut:EVENt?",
        ],
    },
}
